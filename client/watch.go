package client

import (
	"context"
	"time"

	"goosefs/wire/clusterpb"
)

// watchPause is how long after it broke the stream of changes is tried again.
const watchPause = 200 * time.Millisecond

// Watch hears from the leader which paths changed, and calls changed with them, from one goroutine, until ctx ends.
// A directory stands for its listing too. When the stream was interrupted, changes were perhaps missed: changed is
// called with lost set, and everything known must be forgotten. After each lost follows either another, or the first
// call with no paths, which says that the stream is up again.
func (f *FS) Watch(ctx context.Context, changed func(paths []string, lost bool)) error {
	up := true // so that the first failure is told
	for ctx.Err() == nil {
		leader, err := f.Leader(ctx)
		if err == nil {
			err = f.watchLeader(ctx, leader, func(paths []string) {
				up = true
				changed(paths, false)
			})
		}
		if ctx.Err() != nil {
			break
		}
		if up {
			f.cfg.Log.Debug("invalidation stream is down", "leader", leader, "err", err)
			up = false
			changed(nil, true)
		}
		sleep(ctx, watchPause)
	}
	return ctx.Err()
}

func (f *FS) watchLeader(ctx context.Context, leader string, changed func([]string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := f.masters.conn(leader)
	if err != nil {
		return err
	}
	stream, err := clusterpb.NewClusterClient(conn).Invalidations(ctx, &clusterpb.InvalidationsRequest{})
	if err != nil {
		return err
	}
	for {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		changed(in.GetPaths())
	}
}
