package client

import (
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"
)

// infoOf reads a FileInfo as the masters send it.
func infoOf(p *pb.FileInfo) Info {
	i := Info{
		Path: p.GetPath(), Name: p.GetName(), ID: p.GetFileId(), Dir: p.GetFolder(), Symlink: p.GetSymlink(),
		Length: p.GetLength(), BlockSize: p.GetBlockSizeBytes(),
		Mode: uint32(p.GetMode()), Owner: p.GetOwner(), Group: p.GetGroup(),
		Created: millis(p.GetCreationTimeMs()), Modified: millis(p.GetLastModificationTimeMs()), Accessed: millis(p.GetLastAccessTimeMs()),
		Completed: p.GetCompleted(), Cacheable: p.GetCacheable(), ReadPolicy: ReadPolicy(p.GetReadPolicy()), Persistence: p.GetPersistenceState(),
		Percent: int(p.GetInGooseFSPercentage()), MountID: p.GetMountId(), MountPoint: p.GetMountPoint(),
		UFSPath: p.GetUfsPath(), Fingerprint: p.GetUfsFingerprint(), Xattr: p.GetXattr(),
		ACL: extended(aclOf(p.GetAcl())), DefaultACL: aclOf(p.GetDefaultAcl()),
	}
	if i.Dir {
		i.Length = p.GetChildren()
	}
	for _, b := range p.GetFileBlockInfos() {
		block := Block{ID: b.GetBlockInfo().GetBlockId(), Offset: b.GetOffset(), Length: b.GetBlockInfo().GetLength()}
		for _, l := range b.GetBlockInfo().GetLocations() {
			address := l.GetWorkerAddress()
			at := Location{WorkerID: l.GetWorkerId(), Host: address.GetHost(), Port: int(address.GetRpcPort())}
			for _, tier := range address.GetTieredIdentity().GetTiers() {
				switch tier.GetTierName() {
				case wire.MediumTier:
					at.Tier = tier.GetValue()
				case wire.SocketTier:
					at.Socket = tier.GetValue()
				}
			}
			block.Locations = append(block.Locations, at)
		}
		i.Blocks = append(i.Blocks, block)
	}
	return i
}

func millis(ms int64) time.Time { return time.UnixMilli(ms) }

// modeOf writes permission bits as the wire has them.
func modeOf(mode uint32) *pb.PMode {
	bits := func(shift uint) *pb.Bits { return pb.Bits(mode>>shift&7 + 1).Enum() }
	return &pb.PMode{OwnerBits: bits(6), GroupBits: bits(3), OtherBits: bits(0)}
}
