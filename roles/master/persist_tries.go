package master

import (
	"context"
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
)

// Persistence tells how the tries to persist a file went.
func (s *clusterService) Persistence(_ context.Context, req *clusterpb.PersistenceRequest) (*clusterpb.PersistenceTries, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	r, err := s.store.Resolve(req.GetPath())
	if err != nil {
		return nil, err
	}
	if r.Inode == nil {
		return nil, r.Absent("persist")
	}
	return s.persister.tried(r.Inode.ID), nil
}

func (p *persister) tried(file int64) *clusterpb.PersistenceTries {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.mu.jobs[file]
	if j == nil {
		return &clusterpb.PersistenceTries{}
	}
	return &clusterpb.PersistenceTries{Failed: int64(j.tries), Reason: j.why, Stuck: stuck(j.errno), Errno: int32(j.errno)}
}

// stuck says of what a try to persist a file failed with that time alone does not mend it.
func stuck(errno syscall.Errno) bool {
	switch errno {
	case syscall.EEXIST, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG:
		return true
	}
	return false
}

// notPlaced is why a file that is written did not get its own name. What has that name already is named: the under file
// system speaks of the staged name.
func notPlaced(r metastore.Resolution, err error) error {
	if errnoOf(err) != syscall.EEXIST {
		return err
	}
	return &metastore.Error{
		Text: fmt.Sprintf("%s exists, and goosefs did not make it: move it away, or give %s another name (goosefs fs mv)", r.UFSPath, r.Path),
		Err:  pathErr("persist", r.UFSPath, syscall.EEXIST),
	}
}
