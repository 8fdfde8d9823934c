package web

import (
	"context"
	"crypto/rand"
	"sync"
	"syscall"

	"goosefs/ufs"
)

// absence is how a server says that a name does not exist: with 404, or with a
// page of status 200. It is learned once per mount, by asking for a name that
// nobody can have, and only when a web page is the answer to a Stat.
type absence struct {
	mu struct {
		sync.Mutex
		known bool
		soft  bool // status 200
	}
}

// confirm makes sure that a page is an object of that name and not a "not found" in
// friendly words: on a server that has those, the parent must list the name.
func (u *UFS) confirm(ctx context.Context, op, name string) error {
	soft, err := u.softAbsence(ctx, op)
	if err != nil || !soft {
		return err
	}
	page, err := u.page(ctx, op, u.urlOf(ufs.Parent(name), true))
	if err != nil {
		return err
	}
	for _, e := range page.entries {
		if e.name == ufs.Base(name) {
			return nil
		}
	}
	return failed(op, u.urlOf(name, false), &ufs.Reason{Errno: syscall.ENOENT,
		Text: "the server answers any name with a page, and its directory does not list this one"})
}

// softAbsence learns how the server says "not found". Concurrent callers may each
// ask; they learn the same.
func (u *UFS) softAbsence(ctx context.Context, op string) (soft bool, err error) {
	a := &u.absent
	a.mu.Lock()
	known, soft := a.mu.known, a.mu.soft
	a.mu.Unlock()
	if known {
		return soft, nil
	}
	_, err = u.probe(ctx, op, u.urlOf(".goosefs-absent-"+rand.Text(), false))
	switch {
	case err == nil:
		soft = true
	case isErrno(err, syscall.ENOENT), isErrno(err, syscall.EACCES):
	default:
		return false, err
	}
	a.mu.Lock()
	a.mu.known, a.mu.soft = true, soft
	a.mu.Unlock()
	return soft, nil
}
