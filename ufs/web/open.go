package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"syscall"

	"goosefs/ufs"
)

// Open reads n bytes from off of version v. An answer that breaks off is taken
// up where it broke, by a new range pinned to the same version, a few times; one
// that falls silent is not, so that a sick server costs one idle timeout.
func (u *UFS) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	const op = "open"
	name, err := u.clean(op, name)
	if err != nil {
		return nil, err
	}
	at := u.urlOf(name, false)
	if ctx.Err() != nil { // a transfer that is parked, or quick, would not notice
		return nil, ufs.Ended(op, Mask(at.String()), context.Cause(ctx))
	}
	want, ok := parsePin(v)
	if !ok {
		return nil, failed(op, at, &ufs.Reason{Errno: syscall.EINVAL, Text: "not a version of a web object"})
	}
	if err := ufs.CheckRange(want.size, off, n); err != nil {
		return nil, &fs.PathError{Op: op, Path: Mask(at.String()), Err: err}
	}
	if n == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	r := &reader{u: u, ctx: ctx, at: at, pin: want, off: off, left: n}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// maxResumes bounds how often one reader takes a broken answer up again.
const maxResumes = 5

// reader is the bytes of one Open: one answer, or several that continue each other.
type reader struct {
	u       *UFS
	ctx     context.Context
	at      *url.URL
	pin     pin
	off     int64 // of the next byte
	left    int64 // bytes still to come
	given   bool  // some bytes were handed over
	resumes int
	part    *ufs.Exact // the answer being read: all that is left, checked
	end     error
}

// open asks for what is left.
func (r *reader) open() error {
	return r.u.opt.Retry.Do(r.ctx, func() (err error) {
		r.part, err = r.u.transfer(r.ctx, r.at, r.pin, r.off, r.left)
		return err
	})
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.end == nil {
		n, err := r.part.Read(p)
		r.off += int64(n)
		r.left -= int64(n)
		r.given = r.given || n > 0
		if err == nil || err == io.EOF {
			r.end = err
			return n, err
		}
		if r.end = r.resume(err); n > 0 {
			return n, r.end
		}
	}
	return 0, r.end
}

// resume opens the rest after a failure; it returns the failure if that is not allowed.
// A version known by its length only is not continued: nothing says that the rest
// belongs to what has been read.
func (r *reader) resume(failure error) error {
	broke := ufs.Retryable(failure) && ufs.Errno(failure) != syscall.ETIMEDOUT
	if !broke || r.pin.weak() && r.given || r.resumes == maxResumes {
		return failure
	}
	r.resumes++
	r.part.Close()
	return r.open()
}

// Proven says that bytes are proven to be of the version as they come: by an ETag in the head of the answer, or as well
// as they ever will be. Where the version is a time of change, only a look after the last byte proves them.
func (r *reader) Proven() bool { return r.part.End == nil }

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.end == nil {
		r.end = &fs.PathError{Op: "read", Path: Mask(r.at.String()), Err: fs.ErrClosed}
	}
	if r.part == nil {
		return nil
	}
	return r.part.Close()
}

// reading turns errors of an exchange's body into the caller's, with the URL. End
// of data is left to [ufs.Exact] to judge.
type reading struct {
	*exchange
	at *url.URL
}

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	n, err := r.exchange.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = unanswered("read", r.at, err)
	}
	return n, err
}
