package master

import (
	"context"
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// mostBlocks is how many blocks a file can have: the ids of more would be those of other files.
const mostBlocks = blockMask

// CompleteFile gives a file its length; from now on it can be read. One that goes to the under file system must be there
// by now, under its staged name, and gets its own; an empty one is put there here, for no worker ever heard of it. Of one
// that is only cached, the blocks that workers hold must be as long as the file says.
func (s *fileService) CompleteFile(ctx context.Context, req *pb.CompleteFilePRequest) (*pb.CompleteFilePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	complete := metastore.CompleteFile{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), IfID: req.GetInodeId(), Length: o.GetUfsLength(), Persistence: metastore.NotPersisted,
	}
	if o.GetAsyncPersistOptions() != nil {
		complete.Persistence = metastore.ToBePersisted
	}
	x, err := s.changes.begin(ctx, clean(complete.Path))
	if err != nil {
		return nil, err
	}
	defer s.changes.end(x)
	r, err := s.store.Resolve(complete.Path)
	if err == nil && unwritten(r) {
		// What is done there cannot be undone by the log: be sure to lead, and look again.
		if err = s.linearize(ctx); err == nil {
			r, err = s.store.Resolve(complete.Path)
		}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case r.Inode != nil && !r.Inode.Completed && (complete.Length < 0 || (complete.Length-1)/mostBlocks >= r.Inode.BlockSize):
		return nil, &metastore.Error{
			Text: fmt.Sprintf("Invalid file length %d: %s has blocks of %d bytes, of which there can be from 0 to %d; write it in larger blocks", complete.Length, r.Path, r.Inode.BlockSize, mostBlocks),
			Err:  pathErr("complete", r.Path, syscall.EINVAL),
		}
	case unwritten(r):
		info, err := s.placeThrough(ctx, r, ufs.Staged(r.Rel, r.Inode.ID), complete.Length)
		if err != nil {
			return nil, err
		}
		complete.Persistence, complete.Version, complete.Weak = metastore.Persisted, string(info.Version), info.Weak
		s.registry.dropUnlike(r.Inode.ID, r.Inode.BlockSize, complete.Length)
	case r.Inode != nil && !r.Inode.Dir && !r.Inode.Completed && complete.Length >= 0:
		if err := s.registry.sameLength(r.Path, r.Inode.ID, r.Inode.BlockSize, complete.Length); err != nil {
			return nil, err
		}
		s.registry.dropUnlike(r.Inode.ID, r.Inode.BlockSize, complete.Length)
	}
	if wait := waitOf(o.GetAsyncPersistOptions()); wait > 0 && r.Inode != nil {
		s.persister.postpone(r.Inode.ID, wait)
	}
	result, err := s.propose(ctx, complete, clean(complete.Path))
	if err != nil {
		return nil, err
	}
	if result.Inode.Persistence == metastore.ToBePersisted {
		s.persister.wake()
	}
	return &pb.CompleteFilePResponse{}, nil
}

// unwritten says whether a file is to be in its under file system when it is complete.
func unwritten(r metastore.Resolution) bool {
	return r.Inode != nil && !r.Inode.Completed && r.Inode.Persistence == metastore.ToBePersisted && r.Mount.ID != 0
}

// staged says whether something of a file may wait in its under file system for its name: while it is written through, and after a
// try to persist it that failed.
func staged(r metastore.Resolution) bool {
	return r.Inode != nil && r.Inode.Persistence == metastore.ToBePersisted && r.Mount.ID != 0
}

// dropStaged removes what of a file was written to its under file system and never got its name. What is left of it is
// seen by nobody.
func (m *Master) dropStaged(ctx context.Context, mount metastore.Mount, staged string) {
	src, err := m.sources.of(mount)
	if err == nil {
		err = src.call(ctx, func(ctx context.Context, u ufs.UFS) error { return u.Remove(ctx, staged) })
	}
	if err != nil && errnoOf(err) != syscall.ENOENT {
		m.log.Warn("what is left of a file that was not completed stays in the under file system", "mount", mount.Path, "name", staged, "err", err)
	}
}
