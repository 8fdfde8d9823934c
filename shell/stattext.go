package shell

import (
	"fmt"
	"strconv"
	"strings"

	"goosefs/client"
)

// fileInfoText prints all of an info in GooseFS's order. What nothing can set yet has the value of a new file.
func fileInfoText(i client.Info) string {
	var ids, blocks []string
	for _, b := range i.Blocks {
		ids = append(ids, strconv.FormatInt(b.ID, 10))
		blocks = append(blocks, fmt.Sprintf("FileBlockInfo{blockInfo=%s, offset=%d, ufsLocations=[]}", blockText(b), b.Offset))
	}
	fields := []struct {
		name  string
		value any
	}{
		{"fileId", i.ID},
		{"fileIdentifier", "null"},
		{"name", i.Name},
		{"path", i.Path},
		{"ufsPath", maskURI(i.UFSPath)},
		{"length", i.Length},
		{"blockSizeBytes", i.BlockSize},
		{"creationTimeMs", i.Created.UnixMilli()},
		{"completed", i.Completed},
		{"folder", i.Dir},
		{"pinned", false},
		{"pinnedlocation", "[]"},
		{"cacheable", i.Cacheable},
		{"persisted", i.Persistence == "PERSISTED"},
		{"blockIds", "[" + strings.Join(ids, ", ") + "]"},
		{"inMemoryPercentage", memoryPercent(i)},
		{"lastModificationTimesMs", i.Modified.UnixMilli()},
		{"ttl", -1},
		{"lastAccessTimesMs", i.Accessed.UnixMilli()},
		{"ttlAction", "DELETE"},
		{"owner", i.Owner},
		{"group", i.Group},
		{"mode", i.Mode},
		{"persistenceState", i.Persistence},
		{"mountPoint", i.MountPoint},
		{"replicationMax", -1},
		{"replicationMin", 0},
		{"fileBlockInfos", "[" + strings.Join(blocks, ", ") + "]"},
		{"mountId", i.MountID},
		{"inGooseFSPercentage", i.Percent},
		{"ufsFingerprint", i.Fingerprint},
		{"acl", strings.Join(aclTexts(aclOf(i)), ",")},
		{"defaultAcl", strings.Join(aclTexts(i.DefaultACL), ",")},
	}
	if i.Symlink != "" {
		fields = append(fields, struct {
			name  string
			value any
		}{"symlink", i.Symlink})
	}
	var parts []string
	for _, f := range fields {
		parts = append(parts, fmt.Sprintf("%s=%v", f.name, f.value))
	}
	return "FileInfo{" + strings.Join(parts, ", ") + "}"
}

// blockText names the workers that hold bytes of the block.
func blockText(b client.Block) string {
	var at []string
	for _, l := range b.Locations {
		if l.Cached() {
			at = append(at, fmt.Sprintf("BlockLocation{workerId=%d, address=WorkerNetAddress{host=%s, rpcPort=%d, dataPort=%d}, tierAlias=%s, mediumType=%s}",
				l.WorkerID, l.Host, l.Port, l.Port, l.Tier, l.Tier))
		}
	}
	return fmt.Sprintf("BlockInfo{id=%d, length=%d, locations=[%s]}", b.ID, b.Length, strings.Join(at, ", "))
}

// memoryBytes is how many bytes of a file are in blocks that a worker holds in memory, and no more than are cached.
func memoryBytes(i client.Info) int64 {
	var n int64
	for _, b := range i.Blocks {
		for _, l := range b.Locations {
			if l.Tier == "MEM" {
				n += b.Length
				break
			}
		}
	}
	return min(n, cachedBytes(i))
}

// cachedBytes is how many bytes of a file are cached, by their percentage: this is all that the masters tell.
func cachedBytes(i client.Info) int64 {
	if i.Dir {
		return 0
	}
	return i.Length/100*int64(i.Percent) + i.Length%100*int64(i.Percent)/100
}

// memoryPercent of an empty file is what is cached of it.
func memoryPercent(i client.Info) int {
	if i.Length == 0 || i.Dir {
		return i.Percent
	}
	return int(percent(memoryBytes(i), i.Length))
}
