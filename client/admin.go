package client

import (
	"context"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// AddMaster takes the master at addr, where other masters reach it, into the quorum. It must run, with empty folders. It
// gets a vote by itself once it has the journal.
func (f *FS) AddMaster(ctx context.Context, addr string) error {
	_, err := f.changeQuorum(ctx, clusterpb.QuorumChange_ADD, addr)
	return err
}

// RemoveMaster takes a master out of the quorum for good. It is refused if those that are left could not go on.
func (f *FS) RemoveMaster(ctx context.Context, addr string) error {
	_, err := f.changeQuorum(ctx, clusterpb.QuorumChange_REMOVE, addr)
	return err
}

// Elect lets the master at addr lead, or, if addr is empty, whichever has most of the journal. It returns who leads.
func (f *FS) Elect(ctx context.Context, addr string) (string, error) {
	return f.changeQuorum(ctx, clusterpb.QuorumChange_ELECT, addr)
}

func (f *FS) changeQuorum(ctx context.Context, action clusterpb.QuorumChange_Action, addr string) (string, error) {
	return lead(ctx, f, "quorum", addr, func(ctx context.Context, conn *grpc.ClientConn) (string, error) {
		done, err := clusterpb.NewAdminClient(conn).ChangeQuorum(ctx, &clusterpb.QuorumChange{Action: action, Address: addr})
		return done.GetAddress(), err
	})
}

// Checkpoint has the leader write its namespace down and cut its journal. It returns the leader's host.
func (f *FS) Checkpoint(ctx context.Context) (host string, err error) {
	return lead(ctx, f, "checkpoint", "/", func(ctx context.Context, conn *grpc.ClientConn) (string, error) {
		done, err := clusterpb.NewAdminClient(conn).Checkpoint(ctx, &clusterpb.CheckpointRequest{})
		return done.GetHost(), err
	})
}

// Backup is a file with the namespace in it.
type Backup struct {
	Host    string // where the file is
	Path    string
	Entries int64 // files, directories and mounts
}

// Backup writes the namespace to a file in the folder dir of the leader's host; "" is the configured folder.
func (f *FS) Backup(ctx context.Context, dir string) (Backup, error) {
	return lead(ctx, f, "backup", dir, func(ctx context.Context, conn *grpc.ClientConn) (Backup, error) {
		done, err := clusterpb.NewAdminClient(conn).Backup(ctx, &clusterpb.BackupRequest{Directory: dir})
		return Backup{done.GetHost(), done.GetPath(), done.GetEntries()}, err
	})
}

// LostFile is a file that was only cached, and of which the cache has lost something.
type LostFile struct {
	Path    string
	Length  int64         // bytes
	Block   int64         // index of the first block that is lost
	Worker  string        // host:port of who had it; empty: nobody knows
	Contact time.Duration // since the worker was last heard of
}

// LostFiles lists files of which something is lost, so many at most, and counts them all. The leader looks at every file.
func (f *FS) LostFiles(ctx context.Context, most int64) (files []LostFile, count int64, err error) {
	list, err := lead(ctx, f, "report", "/", func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.LostFileList, error) {
		return clusterpb.NewAdminClient(conn).LostFiles(ctx, &clusterpb.LostFilesRequest{Most: most})
	})
	for _, l := range list.GetFiles() {
		file := LostFile{Path: l.GetPath(), Length: l.GetLength(), Block: l.GetBlock()}
		if had := l.GetHolder(); had != nil {
			file.Worker, file.Contact = wire.HostPort(had.GetHost(), int(had.GetRpcPort())), time.Duration(had.GetLastContactMs())*time.Millisecond
		}
		files = append(files, file)
	}
	return files, list.GetCount(), err
}
