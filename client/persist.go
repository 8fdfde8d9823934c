package client

import (
	"context"
	"syscall"

	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// PersistTries is how the tries to bring a file into the under file system went, as far as the leader knows.
type PersistTries struct {
	Failed int64         // so many
	Reason string        // why the last one failed
	Errno  syscall.Errno // of the reason
	Stuck  bool          // for that reason the next one fails, too, unless somebody does something about it
}

// PersistTries tells how the tries to persist a file went that is not persisted.
func (f *FS) PersistTries(ctx context.Context, path string) (PersistTries, error) {
	t, err := lead(ctx, f, "persist", path, func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.PersistenceTries, error) {
		return clusterpb.NewClusterClient(conn).Persistence(ctx, &clusterpb.PersistenceRequest{Path: path})
	})
	return PersistTries{Failed: t.GetFailed(), Reason: t.GetReason(), Errno: syscall.Errno(t.GetErrno()), Stuck: t.GetStuck()}, err
}
