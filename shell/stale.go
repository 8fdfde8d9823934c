package shell

import (
	"context"
	"syscall"

	"goosefs/client"
)

// staleTries is how often a file is opened anew that changed in the under file system before any of it was given out.
const staleTries = 2

// whileStale runs do, which says whether it gave bytes of the file out. If the under file system has another version of the
// file than the masters knew of, they look again, and do is run on what they found; but not if that would mix two versions.
func whileStale(ctx context.Context, c cluster, info client.Info, do func(client.Info) (gave bool, err error)) error {
	path := info.Path
	for tries := 0; ; tries++ {
		gave, err := do(info)
		if err == nil || errnoOf(err) != syscall.ESTALE {
			return err
		}
		found, looked := c.Stat(ctx, path, client.StatOptions{Sync: true}) // also for whoever tries again
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !gave && isNotExist(looked):
			return looked
		case isNotExist(looked):
			return faultf("read", path, syscall.ESTALE, "%s was deleted while it was read: %v", path, err)
		case gave || looked != nil || tries == staleTries:
			return faultf("read", path, syscall.ESTALE, "%v; try again: the file is opened as it is then", err)
		}
		info = found
	}
}

// withFile opens a file, does something with it, and closes it. What is done is done again, from its beginning, if the file
// turns out to have changed before a byte of it was read.
func withFile(ctx context.Context, c cluster, path string, do func(file) error) error {
	return whileStale(ctx, c, client.Info{Path: path}, func(client.Info) (bool, error) {
		opened, err := openFile(ctx, c, path)
		if err != nil {
			return false, err
		}
		defer opened.Close()
		f := &givingFile{file: opened}
		err = do(f)
		return f.gave, err
	})
}

// givingFile notes whether bytes of a file were given out.
type givingFile struct {
	file
	gave bool
}

func (f *givingFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(ctx, p, off)
	f.gave = f.gave || n > 0
	return n, err
}

// loadFile has the workers fetch a file.
func loadFile(ctx context.Context, c cluster, info client.Info, progress func(int64)) error {
	return whileStale(ctx, c, info, func(now client.Info) (bool, error) {
		return false, c.Load(ctx, now, progress)
	})
}

func (s *session) withFile(ctx context.Context, path string, do func(file) error) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return withFile(ctx, c, path, do)
}
