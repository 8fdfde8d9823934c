package bench

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/clusterpb"
)

// snapshot has the leading master, one of this run's own, write its whole namespace to a file, and takes that away
// again. It returns how long that took and how large the file was.
func (r *run) snapshot(ctx context.Context) (seconds float64, size int64, err error) {
	f, err := r.open()
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	leader, err := f.Leader(ctx)
	if err != nil {
		return 0, 0, err
	}
	conn, err := auth.Self().Dial(r.masters.network(), leader)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	dir := filepath.Join(r.masters.dir, "backup")
	defer os.RemoveAll(dir)
	began := time.Now()
	done, err := clusterpb.NewAdminClient(conn).Backup(ctx, &clusterpb.BackupRequest{Directory: dir})
	if err != nil {
		return 0, 0, wire.FromStatus("backup", dir, err)
	}
	seconds = time.Since(began).Seconds()
	info, err := os.Stat(done.GetPath())
	if err != nil {
		return 0, 0, err
	}
	r.progress.say("snapshot: %.2f s, %s", seconds, mega(info.Size()))
	return seconds, info.Size(), nil
}
