package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"goosefs/client"
	"goosefs/ufs"
	"goosefs/wire/clusterpb"

	"google.golang.org/protobuf/proto"
)

// persistStep is how many bytes of a file are read at once to be persisted.
const persistStep = 4 << 20

// persist brings a file that is only cached into its under file system, where it waits, whole, until the masters give it its
// name, and tells them. What went wrong they are told too: they decide when it is tried again.
func (w *Worker) persist(id int64) {
	defer w.writes.enter(id)()
	told := &clusterpb.PersistedRequest{FileId: id}
	src, err := w.sources.of(w.ctx, id)
	if err == nil {
		err = w.persistTo(w.ctx, src, told)
	}
	if err != nil {
		told.Failure, told.Errno = err.Error(), int32(errnoOf(err))
	}
	if err := w.masters.Persisted(w.ctx, told); err != nil && w.ctx.Err() == nil {
		w.log.Warn("cannot tell the masters that a file was persisted", "file", id, "err", err)
	}
}

func (w *Worker) persistTo(ctx context.Context, src *source, told *clusterpb.PersistedRequest) error {
	if src.GetWriting() || src.GetPersisted() {
		return writeErrorf(src.GetPath(), syscall.EBUSY, "%s is being written, or is persisted", src.GetPath())
	}
	info, err := w.masters.Stat(ctx, src.GetPath(), client.StatOptions{})
	if err != nil && errnoOf(err) != syscall.ENOENT {
		return err
	}
	if err != nil || info.ID != src.GetFileId() {
		return writeErrorf(src.GetPath(), syscall.ESTALE, "%s was moved or replaced", src.GetPath())
	}
	if !src.enter() {
		return fileFailed(src, errRetired)
	}
	defer src.leave()
	to := &source{proto.CloneOf(src.FileSource), src.mounted}
	to.Name = ufs.Staged(src.GetName(), src.GetFileId())
	staged, err := stage(ctx, to, fs.FileMode(src.GetMode()).Perm())
	if err != nil {
		return err
	}
	defer staged.abort()
	from := w.masters.OpenInfo(info)
	defer from.Close()
	if err := copyAll(ctx, staged, from); err != nil {
		return err
	}
	if err := staged.commit(ctx); err != nil {
		return err
	}
	told.Length, told.Staged, told.MountId = info.Length, to.GetName(), src.GetMountId()
	return nil
}

// copyAll copies a file, all of it.
func copyAll(ctx context.Context, to io.Writer, from *client.File) error {
	buf := make([]byte, min(persistStep, from.Info().Length))
	for off := int64(0); off < from.Info().Length; {
		n, err := from.ReadAt(ctx, buf, off)
		if err != nil && !(errors.Is(err, io.EOF) && off+int64(n) == from.Info().Length) {
			return fmt.Errorf("at byte %d: %w", off+int64(n), err)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
