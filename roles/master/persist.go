package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// ScheduleAsyncPersistence puts a complete file that is only cached into the queue of those that come into the under file
// system. One that is there, or is in the queue, is fine.
func (s *fileService) ScheduleAsyncPersistence(ctx context.Context, req *pb.ScheduleAsyncPersistencePRequest) (*pb.ScheduleAsyncPersistencePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.loader.stat(ctx, req.GetPath(), asKnown)
	if err != nil {
		return nil, err
	}
	done := &pb.ScheduleAsyncPersistencePResponse{}
	switch {
	case r.Inode == nil:
		return nil, r.Absent("persist")
	case r.Inode.Dir:
		return nil, &metastore.Error{Text: "Cannot persist directory " + r.Path + ": persist the files in it", Err: pathErr("persist", r.Path, syscall.EISDIR)}
	case r.Inode.Symlink != "":
		return nil, linkError("persist", r.Path, r.Inode.Symlink)
	case !r.Inode.Completed:
		return nil, &metastore.Error{Text: "Cannot persist " + r.Path + ": it is being written", Err: pathErr("persist", r.Path, syscall.EBUSY)}
	case r.Mount.ReadOnly:
		return nil, &metastore.Error{Text: "Cannot persist " + r.Path + ": it is under a readonly mount point " + r.Mount.Path, Err: pathErr("persist", r.Path, syscall.EROFS)}
	case r.Inode.Persistence == metastore.Persisted:
		return done, nil
	}
	s.persister.postpone(r.Inode.ID, waitOf(req.GetOptions()))
	if r.Inode.Persistence == metastore.ToBePersisted {
		s.persister.wake()
		return done, nil
	}
	state := metastore.ToBePersisted
	set := metastore.SetAttribute{Header: s.head(req.GetOptions().GetCommonOptions()), Path: r.Path, IfID: r.Inode.ID, Persistence: &state}
	if _, err := s.propose(ctx, set, r.Path); err != nil {
		return nil, err
	}
	s.persister.wake()
	return done, nil
}

// Persisted hears what came of an order to persist a file.
func (s *workersService) Persisted(ctx context.Context, req *clusterpb.PersistedRequest) (*clusterpb.PersistedReply, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if req.GetFailure() != "" {
		s.persister.failed(req.GetFileId(), req.GetFailure(), syscall.Errno(req.GetErrno()))
		return &clusterpb.PersistedReply{}, nil
	}
	if ufs.Base(req.GetStaged()) != ufs.Staged("", req.GetFileId()) {
		return nil, pathErr("persist", req.GetStaged(), syscall.EINVAL)
	}
	if err := s.persister.finish(ctx, req.GetFileId(), req.GetStaged(), req.GetMountId()); err != nil {
		s.persister.failed(req.GetFileId(), err.Error(), errnoOf(err))
	}
	return &clusterpb.PersistedReply{}, nil
}

// finish gives a file that waits under a staged name in a mount its own name, and notes that it is persisted. staged is
// empty for an empty file. A file that was moved meanwhile goes where it is now.
func (p *persister) finish(ctx context.Context, file int64, staged string, mount int64) error {
	for {
		_, at, err := p.store.Get(file)
		if err != nil {
			return p.forgotten(ctx, err, staged, mount)
		}
		again, err := p.finishAt(ctx, file, at, staged, mount)
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

// finishAt is finish for a file that is at a path; again, if it is not there any more.
func (p *persister) finishAt(ctx context.Context, file int64, at, staged string, mount int64) (again bool, err error) {
	x, err := p.changes.begin(ctx, at)
	if err != nil {
		return false, err
	}
	defer p.changes.end(x)
	if err := p.linearize(ctx); err != nil {
		return false, err
	}
	r, err := p.store.Resolve(at)
	switch {
	case err != nil:
		return false, err
	case r.Inode == nil || r.Inode.ID != file:
		return true, nil
	case !r.Inode.Completed || r.Inode.Persistence == metastore.Persisted:
		return false, p.forgotten(ctx, pathErr("persist", at, syscall.ENOENT), staged, mount)
	case staged != "" && r.Mount.ID != mount:
		return false, p.forgotten(ctx, pathErr("persist", at, syscall.EXDEV), staged, mount)
	case r.Mount.ReadOnly:
		return false, pathErr("persist", at, syscall.EROFS)
	}
	if staged == "" {
		staged = ufs.Staged(r.Rel, file)
	}
	info, err := p.placeThrough(ctx, r, staged, r.Inode.Length)
	if err != nil {
		return false, notPlaced(r, err)
	}
	state, version := metastore.Persisted, string(info.Version)
	set := metastore.SetAttribute{Header: p.head(nil), Path: at, IfID: file, Persistence: &state, Version: &version}
	if _, err := p.propose(ctx, set, at); err != nil {
		return false, err
	}
	p.registry.letGo([]int64{file})
	return false, nil
}

// forgotten removes what was written of a file that needs it no more. It is an error only if the file still does.
func (p *persister) forgotten(ctx context.Context, why error, staged string, mount int64) error {
	for _, m := range p.store.Mounts() {
		if m.ID == mount && staged != "" {
			p.dropStaged(ctx, m, staged)
		}
	}
	if errnoOf(why) == syscall.ENOENT {
		return nil
	}
	return why
}

// CheckPersistenceDone says whether nothing is left to be persisted.
func (s *fileService) CheckPersistenceDone(ctx context.Context, _ *pb.CheckPersistenceDonePRequest) (*pb.CheckPersistenceDonePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	queue, err := s.persister.queue(ctx)
	if err != nil {
		return nil, err
	}
	return &pb.CheckPersistenceDonePResponse{Done: proto.Bool(len(queue) == 0)}, nil
}

// failedPaths are the paths of files that could not be persisted at the last try, from behind a marker on.
func (s *fileService) failedPaths(after int64) (paths []string, ids []int64) {
	for _, id := range s.persister.failing() {
		if id <= after {
			continue
		}
		if _, p, err := s.store.Get(id); err == nil {
			paths, ids = append(paths, p), append(ids, id)
		}
	}
	return paths, ids
}

// RetryFailedPersistence has files that could not be persisted tried again at once, rather than when their time comes.
func (s *fileService) RetryFailedPersistence(context.Context, *pb.RetryFailedPersistencePRequest) (*pb.RetryFailedPersistencePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	return &pb.RetryFailedPersistencePResponse{Effective: proto.Bool(s.persister.hurry())}, nil
}

// CountFailedPersistence counts the files that could not be persisted at the last try, up to a number.
func (s *fileService) CountFailedPersistence(_ context.Context, req *pb.CountFailedPersistencePRequest) (*pb.CountFailedPersistencePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	paths, _ := s.failedPaths(0)
	n := int64(len(paths))
	most := n
	if req.GetMaxTraverseCount() > 0 {
		most = min(n, req.GetMaxTraverseCount())
	}
	return &pb.CountFailedPersistencePResponse{TraversedCount: &most, TraverseFinished: proto.Bool(most == n)}, nil
}
