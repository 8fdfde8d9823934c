package shell

import (
	"context"
	"iter"
	"time"

	"goosefs/client"
)

// cluster is what the commands use of a client. See client.FS for what the methods do.
type cluster interface {
	Close() error

	Stat(ctx context.Context, path string, o client.StatOptions) (client.Info, error)
	List(ctx context.Context, path string, o client.StatOptions) iter.Seq2[client.Info, error]
	Open(ctx context.Context, path string) (file, error)
	Directly(ctx context.Context, info client.Info) error

	Create(ctx context.Context, path string, o client.CreateOptions) (newFile, error)
	PersistAfter(ctx context.Context, path string, wait time.Duration) error
	PersistTries(ctx context.Context, path string) (client.PersistTries, error)

	Mkdir(ctx context.Context, path string, o client.MkdirOptions) error
	Touch(ctx context.Context, path string) error
	Remove(ctx context.Context, path string, o client.RemoveOptions) error
	Rename(ctx context.Context, src, dst string) error
	SetACL(ctx context.Context, path string, action client.ACLAction, entries []client.ACLEntry, recursive bool) error

	Mount(ctx context.Context, path, ufs string, o client.MountOptions) error
	Unmount(ctx context.Context, path string) error
	Mounts(ctx context.Context) ([]client.MountPoint, error)

	CreateNamespace(ctx context.Context, name, ufs string, o client.NamespaceOptions) error
	DeleteNamespace(ctx context.Context, name string) error
	UpdateNamespace(ctx context.Context, name string, o client.NamespaceChange) error
	SetNamespacePolicy(ctx context.Context, name string, o client.NamespacePolicy) error
	StatNamespace(ctx context.Context, name string) (client.Namespace, error)
	Namespaces(ctx context.Context) ([]client.Namespace, error)

	Free(ctx context.Context, path string, recursive bool) error
	Load(ctx context.Context, info client.Info, progress func(bytes int64)) error

	Leader(ctx context.Context) (string, error)
	Cluster(ctx context.Context) (client.Cluster, error)
	ClusterOf(ctx context.Context, master string) (client.Cluster, error)
	Workers(ctx context.Context) ([]client.Worker, error)
	LostFiles(ctx context.Context, most int64) (files []client.LostFile, count int64, err error)

	AddMaster(ctx context.Context, addr string) error
	RemoveMaster(ctx context.Context, addr string) error
	Elect(ctx context.Context, addr string) (string, error)
	Checkpoint(ctx context.Context) (host string, err error)
	Backup(ctx context.Context, dir string) (client.Backup, error)
}

// file is an open file: one version of it.
type file interface {
	Info() client.Info
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// clientCluster gives a client's files their interface.
type clientCluster struct{ *client.FS }

func (c clientCluster) Open(ctx context.Context, path string) (file, error) {
	f, err := c.FS.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// newFile is a file that is being written. Exactly one of Close and Cancel ends it.
type newFile interface {
	Write(p []byte) (int, error)
	Close() error
	Cancel() error
}

func (c clientCluster) Create(ctx context.Context, path string, o client.CreateOptions) (newFile, error) {
	w, err := c.FS.CreateFile(ctx, path, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}
