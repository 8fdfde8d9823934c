package master

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// A namespace is a mount directly below "/", see [metastore.Mount]. Its calls are those of mounts, by name, and what mounts
// made otherwise have not: policies.

// CreateNamespace mounts an under file system, which must be there and be readable, at "/" and the namespace's name.
func (s *fileService) CreateNamespace(ctx context.Context, req *pb.CreateNamespacePRequest) (*pb.CreateNamespacePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	at, err := namespacePath("create", req.GetNamespace())
	if err != nil {
		return nil, err
	}
	write, read := o.GetWritePType(), o.GetReadPType()
	if err := policiesExist(at, write, read); err != nil {
		return nil, err
	}
	return &pb.CreateNamespacePResponse{}, s.mount(ctx, metastore.AddMount{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: at, UFS: req.GetUfsPath(),
		ReadOnly: o.GetReadOnly(), Shared: o.GetShared(), Options: o.GetProperties(), Secrets: o.GetSecrets(),
		Write: writePolicy(write), Read: readPolicy(read),
	})
}

// DeleteNamespace unmounts a namespace. The under file system is not touched.
func (s *fileService) DeleteNamespace(ctx context.Context, req *pb.DeleteNamespacePRequest) (*pb.DeleteNamespacePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	remove := metastore.RemoveMount{Header: s.head(req.GetOptions().GetCommonOptions()), Path: "/" + req.GetNamespace()}
	if !s.operations.applied(remove.OpID, s.now()) {
		if _, err := s.namespace("delete", req.GetNamespace()); err != nil {
			return nil, err
		}
	}
	return &pb.DeleteNamespacePResponse{}, s.unmount(ctx, remove)
}

// UpdateNamespace changes what is given and leaves the rest: a property that has no value is removed. The under file system
// must be readable with what it is changed to.
func (s *fileService) UpdateNamespace(ctx context.Context, req *pb.UpdateNamespacePRequest) (*pb.UpdateNamespacePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	set := metastore.SetNamespace{Header: s.head(o.GetCommonOptions()), Name: req.GetNamespace(), Secrets: o.GetSecrets()}
	if o != nil {
		set.ReadOnly, set.Shared = o.ReadOnly, o.Shared
	}
	for _, name := range slices.Sorted(maps.Keys(o.GetProperties())) {
		if value := o.GetProperties()[name]; value == "" {
			set.RemoveOptions = append(set.RemoveOptions, name)
		} else {
			if set.SetOptions == nil {
				set.SetOptions = make(map[string]string)
			}
			set.SetOptions[name] = value
		}
	}
	if !s.operations.applied(set.OpID, s.now()) {
		m, err := s.namespace("update", set.Name)
		if err != nil {
			return nil, err
		}
		if err := s.probeUpdate(ctx, m, set); err != nil {
			return nil, err
		}
	}
	return &pb.UpdateNamespacePResponse{}, s.setNamespace(ctx, set)
}

// probeUpdate looks whether the under file system of m can be read, and may be written, as set would have it.
func (s *fileService) probeUpdate(ctx context.Context, m metastore.Mount, set metastore.SetNamespace) error {
	if set.SetOptions == nil && set.RemoveOptions == nil && set.ReadOnly == nil {
		return nil
	}
	kind, err := s.probe(ctx, metastore.AddMount{Path: m.Path, UFS: m.UFS, Options: set.Changed(m).Options})
	if err == nil && set.ReadOnly != nil && !*set.ReadOnly && readOnlyKind(kind) {
		err = &metastore.Error{
			Text: fmt.Sprintf("Namespace %s cannot be written: its under file system %s is of the kind %s, which is readonly", set.Name, m.UFS, kind),
			Err:  pathErr("update", m.Path, syscall.EROFS),
		}
	}
	return err
}

// SetNamespaceAttribute changes what is given: policies (those of type 0 become the default), time to live, owner, group, mode.
func (s *fileService) SetNamespaceAttribute(ctx context.Context, req *pb.SetNamespaceAttributePRequest) (*pb.SetNamespaceAttributePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	if o == nil {
		o = &pb.SetNamespaceAttributePOptions{}
	}
	at, err := namespacePath("set", req.GetNamespace())
	if err != nil {
		return nil, err
	}
	if err := attributesAllowed(at, o); err != nil {
		return nil, err
	}
	set := metastore.SetNamespace{Header: s.head(o.CommonOptions), Name: req.GetNamespace(), Owner: o.Owner, Group: o.Group}
	if o.WritePType != nil {
		set.Write = new(writePolicy(o.GetWritePType()))
	}
	if o.ReadPType != nil {
		set.Read = new(readPolicy(o.GetReadPType()))
	}
	if o.Ttl != nil {
		set.TTL = new(max(o.GetTtl(), 0))
	}
	if o.TtlAction != nil {
		set.Action = new(metastore.TTLAction(o.GetTtlAction()))
	}
	if o.Mode != nil {
		set.Mode = proto.Uint32(modeOf(o.GetMode()))
	}
	return &pb.SetNamespaceAttributePResponse{}, s.setNamespace(ctx, set)
}

// noTTL is the time to live, on the wire, of what lives for ever.
const noTTL = -1

func attributesAllowed(at string, o *pb.SetNamespaceAttributePOptions) error {
	refuse := func(errno syscall.Errno, format string, args ...any) error {
		return &metastore.Error{Text: fmt.Sprintf(format, args...), Err: pathErr("set", at, errno)}
	}
	switch {
	case o.GetPersisted():
		return refuse(syscall.ENOTSUP, "That %s is persisted cannot be set by a client", at)
	case o.DirectChildrenLoad != nil:
		return refuse(syscall.ENOTSUP, "That the children of %s are loaded cannot be set by a client; goosefs fs loadMetadata %s loads them", at, at)
	case o.Ttl != nil && o.GetTtl() != noTTL && o.GetTtl() <= 0:
		return refuse(syscall.EINVAL, "Invalid TTL %d of %s: it is milliseconds, more than 0, or %d for none", o.GetTtl(), at, noTTL)
	case o.TtlAction != nil && (o.GetTtlAction() < pb.TtlAction_DELETE || o.GetTtlAction() > pb.TtlAction_FREE):
		return refuse(syscall.EINVAL, "Invalid TTL action %d of %s: it is 0 (DELETE), 1 (DELETE_ONLY_GOOSEFS) or 2 (FREE)", o.GetTtlAction(), at)
	}
	return policiesExist(at, o.GetWritePType(), o.GetReadPType())
}

// setNamespace changes a namespace, and has mounts forget what they know of its files.
func (s *fileService) setNamespace(ctx context.Context, set metastore.SetNamespace) error {
	_, err := s.propose(ctx, set, "/"+set.Name)
	return err
}

// StatNamespace tells of one namespace: of its directory, and how long its files live.
func (s *fileService) StatNamespace(ctx context.Context, req *pb.StatNamespacePRequest) (*pb.StatNamespacePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	m, err := s.namespace("stat", req.GetNamespace())
	if err != nil {
		return nil, err
	}
	info, err := s.namespaceInfo(m)
	return &pb.StatNamespacePResponse{FileInfo: info}, err
}

// namespacePage is how many namespaces go into one message.
const namespacePage = 500

// ListNamespace streams all namespaces, by name.
func (s *fileService) ListNamespace(_ *pb.ListNamespacePRequest, stream grpc.ServerStreamingServer[pb.ListNamespacePResponse]) error {
	if err := s.linearize(stream.Context()); err != nil {
		return err
	}
	var infos []*pb.FileInfo
	for _, m := range s.store.Mounts() {
		if _, ok := m.Namespace(); !ok {
			continue
		}
		info, err := s.namespaceInfo(m)
		if errors.Is(err, syscall.ENOENT) {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return err
		}
		infos = append(infos, info)
	}
	for page := range slices.Chunk(infos, namespacePage) {
		if err := stream.Send(&pb.ListNamespacePResponse{FileInfo: page}); err != nil {
			return err
		}
	}
	return nil
}

// namespaceInfo is a namespace as clients see it: its directory, whose attributes say the policies, and its time to live.
func (s *fileService) namespaceInfo(m metastore.Mount) (*pb.FileInfo, error) {
	r, err := s.store.Resolve(m.Path)
	if err != nil {
		return nil, err
	}
	if r.Inode == nil || r.Mount.ID != m.ID {
		return nil, r.Absent("stat")
	}
	info := s.fileInfo(r.Inode, r.Path, r.Mount, r.UFSPath)
	info.Ttl = proto.Int64(cmp.Or(r.Mount.Policy.TTL, noTTL))
	info.TtlAction = pb.TtlAction(r.Mount.Policy.Action).Enum()
	return info, nil
}

// namespace is the mount of a name.
func (s *fileService) namespace(op, name string) (metastore.Mount, error) {
	at, err := namespacePath(op, name)
	if err != nil {
		return metastore.Mount{}, err
	}
	if m := s.store.MountAt(at); m.Path == at {
		return m, nil
	}
	return metastore.Mount{}, metastore.NoNamespace(op, name)
}

// namespacePath is the path of a name that a namespace can have.
func namespacePath(op, name string) (string, error) {
	at, err := metastore.NamespacePath(op, name)
	if err == nil {
		err = nameable(op, at)
	}
	return at, err
}

// policiesExist refuses numbers that stand for no policy. 0 is the default.
func policiesExist(at string, write pb.WritePType, read pb.ReadPType) error {
	if write < 0 || write > pb.WritePType_NONE {
		return &metastore.Error{Text: fmt.Sprintf("Invalid write policy %d of %s: it is 1 to %d", write, at, pb.WritePType_NONE), Err: pathErr("policy", at, syscall.EINVAL)}
	}
	if read < 0 || read > pb.ReadPType_CACHE_CONSISTENT {
		return &metastore.Error{Text: fmt.Sprintf("Invalid read policy %d of %s: it is 1 to %d", read, at, pb.ReadPType_CACHE_CONSISTENT), Err: pathErr("policy", at, syscall.EINVAL)}
	}
	return nil
}

func writePolicy(t pb.WritePType) metastore.WritePolicy {
	return cmp.Or(metastore.WritePolicy(t), metastore.WriteCacheThrough)
}

func readPolicy(t pb.ReadPType) metastore.ReadPolicy {
	return cmp.Or(metastore.ReadPolicy(t), metastore.ReadCache)
}
