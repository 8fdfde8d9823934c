package metastore

import (
	"maps"
	"slices"

	"goosefs/metastore/metapb"

	"google.golang.org/protobuf/proto"
)

// marshal encodes a record. The same record has the same bytes on every member
// (lists are used where a map would lose its order).
func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(&Damage{What: "a record that cannot be encoded", Err: err})
	}
	return b
}

// unmarshal decodes a record of the database, which wrote it itself.
func unmarshal(b []byte, m proto.Message) {
	if err := proto.Unmarshal(b, m); err != nil {
		panic(&Damage{What: string(m.ProtoReflect().Descriptor().Name()), Err: err})
	}
}

func inodeRecord(n *Inode) *metapb.InodeRecord {
	return &metapb.InodeRecord{
		Container: containerOf(n.ID), Dir: n.Dir,
		Length: n.Length, BlockSize: n.BlockSize,
		Mode: n.Mode, Owner: n.Owner, Group: n.Group,
		CreateTime: n.CreateTime, ModTime: n.ModTime, AccessTime: n.AccessTime,
		Completed: n.Completed, Persistence: metapb.Persistence(n.Persistence),
		ObjectVersion: n.Version, Weak: n.Weak, MountId: n.MountID,
		ChildrenLoaded: n.ChildrenLoaded, SyncTime: n.SyncTime, Children: n.Children,
		Xattr: pairs(n.Xattr), Symlink: n.Symlink,
		Acl: aclRecords(n.ACL), DefaultAcl: aclRecords(n.DefaultACL),
	}
}

func inodeOf(parent int64, name string, r *metapb.InodeRecord) *Inode {
	n := &Inode{
		ID: idOf(r.Container), ParentID: parent, Name: name, Dir: r.Dir,
		Length: r.Length, BlockSize: r.BlockSize,
		Mode: r.Mode, Owner: r.Owner, Group: r.Group,
		CreateTime: r.CreateTime, ModTime: r.ModTime, AccessTime: r.AccessTime,
		Completed: r.Completed, Persistence: Persistence(r.Persistence),
		Version: r.ObjectVersion, Weak: r.Weak, MountID: r.MountId,
		ChildrenLoaded: r.ChildrenLoaded, SyncTime: r.SyncTime, Children: r.Children,
		Symlink: r.Symlink, ACL: aclOf(r.Acl), DefaultACL: aclOf(r.DefaultAcl),
	}
	if len(r.Xattr) > 0 {
		n.Xattr = make(map[string][]byte, len(r.Xattr))
		for _, p := range r.Xattr {
			n.Xattr[p.Name] = p.Value
		}
	}
	return n
}

func mountRecord(m Mount) *metapb.MountRecord {
	return &metapb.MountRecord{
		Id: m.ID, Path: m.Path, Ufs: m.UFS, ReadOnly: m.ReadOnly, Shared: m.Shared,
		Options: optionPairs(m.Options), Secrets: m.Secrets,
		WritePolicy: metapb.WritePolicy(m.Policy.Write), ReadPolicy: metapb.ReadPolicy(m.Policy.Read),
		TtlMs: m.Policy.TTL, TtlAction: metapb.TTLAction(m.Policy.Action), FreedUntil: m.Policy.FreedUntil,
	}
}

func mountOf(r *metapb.MountRecord) Mount {
	return Mount{
		ID: r.Id, Path: r.Path, UFS: r.Ufs, ReadOnly: r.ReadOnly, Shared: r.Shared,
		Options: optionsOf(r.Options), Secrets: r.Secrets,
		Policy: Policy{
			Write: WritePolicy(r.WritePolicy), Read: ReadPolicy(r.ReadPolicy),
			TTL: r.TtlMs, Action: TTLAction(r.TtlAction), FreedUntil: r.FreedUntil,
		},
	}
}

func pairs(m map[string][]byte) []*metapb.Pair {
	var list []*metapb.Pair
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, &metapb.Pair{Name: name, Value: m[name]})
	}
	return list
}

func optionPairs(m map[string]string) []*metapb.Pair {
	var list []*metapb.Pair
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, &metapb.Pair{Name: name, Value: []byte(m[name])})
	}
	return list
}

func optionsOf(list []*metapb.Pair) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Name] = string(p.Value)
	}
	return m
}
