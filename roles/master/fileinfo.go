package master

import (
	"fmt"

	"goosefs/metastore"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// maxBlocks is how many blocks a file may have whose blocks are all told: more do not fit into an answer. Of a longer
// file clients compute them.
const maxBlocks = 20_000

// fileInfo is an inode, whose fields it shares, as clients see it. p is its path, m the mount that it is in, ufsPath its place there.
func (m *Master) fileInfo(n *metastore.Inode, p string, mount metastore.Mount, ufsPath string) *pb.FileInfo {
	state := n.Persistence // what the cache lost of it may come back: it is nothing that the log need know
	if _, found := m.registry.lostBlock(n, m.now()); found {
		state = metastore.Lost
	}
	info := &pb.FileInfo{
		FileId: &n.ID, Name: &n.Name, Path: &p, UfsPath: &ufsPath,
		Length: &n.Length, BlockSizeBytes: &n.BlockSize,
		CreationTimeMs: &n.CreateTime, LastModificationTimeMs: &n.ModTime, LastAccessTimeMs: &n.AccessTime,
		Completed: proto.Bool(n.Completed || n.Dir), Folder: &n.Dir, Cacheable: proto.Bool(mount.Policy.Read.Keeps()),
		Persisted: proto.Bool(n.Persistence == metastore.Persisted), PersistenceState: proto.String(state.String()),
		Owner: &n.Owner, Group: &n.Group, Mode: proto.Int32(int32(n.Mode)),
		MountPoint: proto.Bool(n.MountID != 0), MountId: &mount.ID, Xattr: shownXattr(n, mount),
		UfsFingerprint: proto.String(fingerprint(n, mount, m.sources.kindOf(mount))),
	}
	if p := mount.Policy.Read; p != metastore.NoReadPolicy {
		info.ReadPolicy = pb.ReadPType(p).Enum()
	}
	if n.Symlink != "" {
		info.Symlink = &n.Symlink
	}
	if len(n.ACL) > 0 { // else the mode says all, and a listing is shorter for it
		info.Acl = aclOf(n)
	}
	if len(n.DefaultACL) > 0 {
		info.DefaultAcl = defaultACLOf(n)
	}
	percent := int32(100)
	if n.Dir {
		info.Length, info.Children, percent = proto.Int64(0), &n.Children, 0
	} else if n.Length > 0 && n.BlockSize > 0 && n.Length/n.BlockSize < maxBlocks {
		blocks, cached := m.registry.locate(n.ID, n.Length, n.BlockSize, m.options.StripeSize)
		if n.Symlink == "" { // whose length is no bytes of anything
			percent = int32(100 * float64(min(cached, n.Length)) / float64(n.Length))
		}
		for i, at := range blocks {
			info.BlockIds = append(info.BlockIds, n.ID&^blockMask|int64(i))
			info.FileBlockInfos = append(info.FileBlockInfos, blockInfo(n, int64(i), at))
		}
	}
	info.InGooseFSPercentage, info.InMemoryPercentage = &percent, proto.Int32(0)
	return info
}

func blockInfo(n *metastore.Inode, index int64, at []location) *pb.FileBlockInfo {
	offset := index * n.BlockSize
	block := &pb.BlockInfo{BlockId: proto.Int64(n.ID&^blockMask | index), Length: proto.Int64(min(n.BlockSize, n.Length-offset))}
	for _, l := range at {
		address := &pb.WorkerNetAddress{Host: &l.host, RpcPort: proto.Int32(int32(l.port)), DataPort: proto.Int32(int32(l.port))}
		var tiers []*pb.LocalityTier
		if l.medium != "" {
			tiers = append(tiers, &pb.LocalityTier{TierName: proto.String(wire.MediumTier), Value: &l.medium})
		}
		if l.socket != "" && index == 0 { // who holds the whole file holds its first block
			tiers = append(tiers, &pb.LocalityTier{TierName: proto.String(wire.SocketTier), Value: &l.socket})
		}
		if tiers != nil {
			address.TieredIdentity = &pb.TieredIdentity{Tiers: tiers}
		}
		block.Locations = append(block.Locations, &pb.BlockLocation{WorkerId: &l.worker, WorkerAddress: address})
	}
	return &pb.FileBlockInfo{BlockInfo: block, Offset: &offset}
}

// fingerprint is GooseFS's line about the object in the under file system.
func fingerprint(n *metastore.Inode, mount metastore.Mount, kind string) string {
	if n.Persistence != metastore.Persisted || mount.ID == 0 {
		return ""
	}
	what := "FILE"
	if n.Dir {
		what = "DIRECTORY"
	}
	line := fmt.Sprintf("TYPE|%s UFS|%s OWNER|%s GROUP|%s MODE|%d", what, kind, n.Owner, n.Group, n.Mode)
	if !n.Dir {
		line += " CONTENT_HASH|" + n.Version + " "
	}
	return line
}

// child is the path of a name in a directory.
func child(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// childInfo is a child of the listed directory as clients see it.
func (m *Master) childInfo(l *metastore.Listing, n *metastore.Inode) *pb.FileInfo {
	p := child(l.Path, n.Name)
	if mount := l.MountOf(n); mount.ID != 0 {
		return m.fileInfo(n, p, mount, mount.UFS)
	}
	ufsPath := ""
	if l.Mount.ID != 0 {
		ufsPath = child(trimSlash(l.UFSPath), n.Name)
	}
	return m.fileInfo(n, p, l.Mount, ufsPath)
}

func trimSlash(s string) string {
	if len(s) > 1 && s[len(s)-1] == '/' {
		return s[:len(s)-1]
	}
	return s
}
