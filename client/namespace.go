package client

import (
	"context"
	"errors"
	"io"
	"time"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Namespace is a mount directly below "/", with policies for the files in it.
type Namespace struct {
	Name string
	Dir  Info // of the mount point

	Write, Read string // policies by name; "" where there is none, as of a mount that was not made as a namespace

	TTL    time.Duration // how long its files live; 0 for ever
	Action TTLAction     // what happens to them then
}

// ReadPolicy says what becomes of bytes that are read, in GooseFS's words. The numbers are those of goosefs ns --rPolicy.
type ReadPolicy int

// The policies. Those that are consistent have the masters compare a file with the under file system whenever it is asked for.
const (
	NoCache                ReadPolicy = 1 // workers keep nothing
	Cache                  ReadPolicy = 2
	CachePromote           ReadPolicy = 3 // the same here
	CacheConsistentPromote ReadPolicy = 4
	CacheConsistent        ReadPolicy = 5
)

// Keeps says whether workers keep what is read.
func (p ReadPolicy) Keeps() bool { return p != NoCache }

// Consistent says whether what is known of a file is believed only for a moment.
func (p ReadPolicy) Consistent() bool { return p == CacheConsistent || p == CacheConsistentPromote }

// String is the policy's name.
func (p ReadPolicy) String() string { return pb.ReadPType(p).String() }

// TTLAction says what happens to files that have lived for their time.
type TTLAction int

// The actions. The numbers are those of the wire.
const (
	TTLDelete            TTLAction = 0 // from the under file system, too
	TTLDeleteOnlyGoosefs TTLAction = 1 // from the namespace and the cache
	TTLFree              TTLAction = 2 // from the cache
)

// String is the action's name.
func (a TTLAction) String() string { return pb.TtlAction(a).String() }

// NamespaceOptions of a new namespace.
type NamespaceOptions struct {
	ReadOnly, Shared bool
	Options          map[string]string
	Secrets          []string   // names of options whose values masters show nobody
	Write            WriteType  // CacheThrough by default
	Read             ReadPolicy // Cache by default
}

// NamespaceChange says what of a namespace is to be another way; nil leaves it as it is.
type NamespaceChange struct {
	ReadOnly, Shared *bool
	Options          map[string]string // that are added or replaced or, where the value is "", removed
	Secrets          []string          // see [NamespaceOptions]
}

// NamespacePolicy says which policies of a namespace are to be others; nil leaves one as it is, and a type of 0 makes it
// the default. TTL is whole milliseconds, 0 for ever.
type NamespacePolicy struct {
	Write  *WriteType
	Read   *ReadPolicy
	TTL    *time.Duration
	Action *TTLAction
}

// CreateNamespace makes the under file system at the URI ufs appear at "/" and name.
func (f *FS) CreateNamespace(ctx context.Context, name, ufs string, o NamespaceOptions) error {
	req := &pb.CreateNamespacePRequest{Namespace: &name, UfsPath: &ufs, Options: &pb.CreateNamespacePOptions{
		ReadOnly: &o.ReadOnly, Shared: &o.Shared, Properties: o.Options, Secrets: o.Secrets,
		WritePType: pb.WritePType(o.Write).Enum(), ReadPType: pb.ReadPType(o.Read).Enum(), CommonOptions: newOperation(),
	}}
	return change(ctx, f, "create", "/"+name, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CreateNamespace(ctx, req)
		return err
	})
}

// DeleteNamespace takes a namespace away. The under file system is not touched.
func (f *FS) DeleteNamespace(ctx context.Context, name string) error {
	req := &pb.DeleteNamespacePRequest{Namespace: &name, Options: &pb.DeleteNamespacePOptions{CommonOptions: newOperation()}}
	return change(ctx, f, "delete", "/"+name, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.DeleteNamespace(ctx, req)
		return err
	})
}

// UpdateNamespace changes how a namespace is mounted.
func (f *FS) UpdateNamespace(ctx context.Context, name string, o NamespaceChange) error {
	req := &pb.UpdateNamespacePRequest{Namespace: &name, Options: &pb.UpdateNamespacePOptions{
		ReadOnly: o.ReadOnly, Shared: o.Shared, Properties: o.Options, Secrets: o.Secrets, CommonOptions: newOperation(),
	}}
	return change(ctx, f, "update", "/"+name, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.UpdateNamespace(ctx, req)
		return err
	})
}

// SetNamespacePolicy changes what a namespace says of its files.
func (f *FS) SetNamespacePolicy(ctx context.Context, name string, o NamespacePolicy) error {
	options := &pb.SetNamespaceAttributePOptions{CommonOptions: newOperation()}
	if o.Write != nil {
		options.WritePType = pb.WritePType(*o.Write).Enum()
	}
	if o.Read != nil {
		options.ReadPType = pb.ReadPType(*o.Read).Enum()
	}
	if o.TTL != nil {
		ms := o.TTL.Milliseconds()
		if *o.TTL == 0 {
			ms = noTTL
		}
		options.Ttl = &ms
	}
	if o.Action != nil {
		options.TtlAction = pb.TtlAction(*o.Action).Enum()
	}
	req := &pb.SetNamespaceAttributePRequest{Namespace: &name, Options: options}
	return change(ctx, f, "set", "/"+name, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.SetNamespaceAttribute(ctx, req)
		return err
	})
}

// noTTL is the time to live, on the wire, of what lives for ever.
const noTTL = -1

// StatNamespace tells of one namespace.
func (f *FS) StatNamespace(ctx context.Context, name string) (Namespace, error) {
	req := &pb.StatNamespacePRequest{Namespace: &name}
	return lead(ctx, f, "stat", "/"+name, func(ctx context.Context, conn *grpc.ClientConn) (Namespace, error) {
		resp, err := pb.NewFileSystemMasterClientServiceClient(conn).StatNamespace(ctx, req)
		if err != nil {
			return Namespace{}, err
		}
		return namespaceOf(resp.GetFileInfo()), nil
	})
}

// Namespaces are all namespaces, by name.
func (f *FS) Namespaces(ctx context.Context) ([]Namespace, error) {
	return lead(ctx, f, "namespaces", "/", func(ctx context.Context, conn *grpc.ClientConn) (list []Namespace, err error) {
		stream, err := pb.NewFileSystemMasterClientServiceClient(conn).ListNamespace(ctx, &pb.ListNamespacePRequest{})
		if err != nil {
			return nil, err
		}
		for {
			page, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return list, nil
			}
			if err != nil {
				return nil, err
			}
			for _, p := range page.GetFileInfo() {
				list = append(list, namespaceOf(p))
			}
		}
	})
}

// The attributes by which the directories of a namespace tell its policies.
const (
	writePolicyXattr = "innerWriteType"
	readPolicyXattr  = "innerReadType"
)

func namespaceOf(p *pb.FileInfo) Namespace {
	n := Namespace{
		Name: p.GetName(), Dir: infoOf(p), Action: TTLAction(p.GetTtlAction()),
		Write: string(p.GetXattr()[writePolicyXattr]), Read: string(p.GetXattr()[readPolicyXattr]),
	}
	if ms := p.GetTtl(); ms > 0 {
		n.TTL = time.Duration(ms) * time.Millisecond
	}
	return n
}
