package worker

import (
	"context"
	"io/fs"
	"syscall"

	"goosefs/ufs"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"
)

// takeFile takes the bytes of a file for its under file system. They wait there, whole, until the masters hear how long
// the file is, and give it its name.
func (s *blockService) takeFile(ctx context.Context, stream writeStream, o *pb.CreateUfsFileOptions) error {
	if o.GetUfsPath() == "" {
		return &fs.PathError{Op: "write", Path: "a file in no under file system", Err: syscall.EINVAL}
	}
	src, err := s.sources.destination(ctx, o.GetMountId(), o.GetUfsPath())
	if err != nil {
		return err
	}
	if !src.enter() {
		return fileFailed(src, errRetired)
	}
	defer src.leave()
	defer s.writes.enter(src.GetFileId())()
	mode := fs.FileMode(src.GetMode()).Perm() // as the masters say: a client was told the mask of an access control list for it
	if mode == 0 {
		mode = fs.FileMode(o.GetMode()).Perm()
	}
	f, err := stage(ctx, src, mode)
	if err != nil {
		return err
	}
	defer f.abort()
	if err := pour(ctx, stream, f); err != nil {
		return err
	}
	return s.stillWanted(ctx, src, o)
}

// stillWanted takes back a file that waits for its name if its path was removed, or is another file's, since it was begun: nobody
// would ever give it the name, and its writer must not take the other file for its own. Who cannot ask leaves that to the masters,
// who are told of the end of the file next.
func (s *blockService) stillWanted(ctx context.Context, src *source, o *pb.CreateUfsFileOptions) error {
	now, err := s.masters.Destination(ctx, o.GetMountId(), o.GetUfsPath())
	if err == nil && now.GetFileId() == src.GetFileId() || err != nil && errnoOf(err) != syscall.EPERM {
		return nil
	}
	if err := src.ufs.Remove(ctx, src.GetName()); err != nil && errnoOf(err) != syscall.ENOENT {
		s.log.Warn("what is left of a file that was removed while it was written stays in the under file system", "path", src.GetPath(), "name", src.GetName(), "err", err)
	}
	return writeErrorf(src.GetPath(), syscall.ESTALE, "%s was removed, or replaced, while it was written", src.GetPath())
}

// stage begins a file in its under file system, under the name that the source says.
func stage(ctx context.Context, src *source, mode fs.FileMode) (*fileSink, error) {
	if mode == 0 {
		mode = 0o644
	}
	if err := ufs.MkdirAll(ctx, src.ufs, ufs.Parent(src.GetName())); err != nil {
		return nil, fileFailed(src, err)
	}
	w, err := src.ufs.Create(ctx, src.GetName(), mode)
	if err != nil {
		return nil, fileFailed(src, err)
	}
	return &fileSink{Writer: w, src: src}, nil
}

// fileSink is a file on its way into its under file system.
type fileSink struct {
	ufs.Writer
	src   *source
	ended bool
}

func (f *fileSink) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		err = fileFailed(f.src, err)
	}
	return n, err
}

func (f *fileSink) commit(ctx context.Context) error {
	f.ended = true
	_, err := f.Commit(ctx)
	if err != nil {
		err = fileFailed(f.src, err)
	}
	return err
}

func (f *fileSink) abort() {
	if !f.ended {
		f.ended = true
		_ = f.Abort() // what is left has a name that nobody sees
	}
}

// fileFailed is an error of an under file system in words for whoever writes to it. That it cannot be reached is an error of
// reading and writing, like all that is not this worker's own.
func fileFailed(src *source, err error) error {
	errno := errnoOf(err)
	switch errno {
	case syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOTDIR, syscall.ENOSPC, syscall.EDQUOT, syscall.ENAMETOOLONG:
	default:
		errno = syscall.EIO
	}
	return writeErrorf(src.GetPath(), errno, "cannot write %s to the under file system: %v", src.GetPath(), err)
}

// destination tells where a file that a client writes through goes.
func (s *sources) destination(ctx context.Context, mount int64, place string) (*source, error) {
	reply, err := s.masters.Destination(ctx, mount, place)
	if err != nil {
		return nil, unknownPlace(place, err)
	}
	m, err := s.mount(reply)
	if err != nil {
		return nil, fileFailed(&source{FileSource: reply}, err)
	}
	return &source{reply, m}, nil
}

// unknownPlace is what a writer is told when the masters do not say where a file goes.
func unknownPlace(place string, err error) error {
	switch errnoOf(err) {
	case syscall.EPERM, syscall.ENOENT, syscall.EINVAL, syscall.EROFS, syscall.ENAMETOOLONG:
		return err
	}
	return writeErrorf(place, syscall.ETIMEDOUT, "cannot ask where %s goes: %v", place, err)
}

// masters is whom sources ask. A client of the cluster is one.
type masters interface {
	Source(ctx context.Context, file int64) (*clusterpb.FileSource, error)
	Destination(ctx context.Context, mount int64, place string) (*clusterpb.FileSource, error)
}
