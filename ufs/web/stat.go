package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"goosefs/ufs"
)

// Stat describes the object or directory called name.
func (u *UFS) Stat(ctx context.Context, name string) (ufs.Info, error) {
	const op = "stat"
	name, err := u.clean(op, name)
	if err != nil {
		return ufs.Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, u.opt.CallTimeout)
	defer cancel()
	if name == "" {
		if _, err := u.page(ctx, op, u.base); err != nil {
			return ufs.Info{}, err
		}
		return ufs.Info{Dir: true}, nil
	}
	f, err := u.probe(ctx, op, u.urlOf(name, false))
	if isErrno(err, syscall.ENOENT) || isErrno(err, syscall.EACCES) {
		// Some servers do not redirect to the slash, or (Go's, for odd names) to a
		// wrong place: ask for the directory itself.
		if _, dirErr := u.page(ctx, op, u.urlOf(name, true)); dirErr == nil {
			return ufs.Info{Name: ufs.Base(name), Dir: true}, nil
		} else if isErrno(err, syscall.ENOENT) && ufs.Retryable(dirErr) {
			return ufs.Info{}, dirErr // not known to be absent
		}
	}
	if err != nil {
		return ufs.Info{}, err
	}
	if f.html {
		if err := u.confirm(ctx, op, name); err != nil {
			return ufs.Info{}, err
		}
	}
	return f.info(ufs.Base(name)), nil
}

// facts are what the header of an answer says about a URL.
type facts struct {
	dir      bool
	html     bool // it calls itself a web page
	pin      pin
	header   http.Header
	modified time.Time
}

func (f facts) info(name string) ufs.Info {
	if f.dir {
		return ufs.Info{Name: name, Dir: true}
	}
	return ufs.Info{Name: name, Size: f.pin.size, ModTime: f.modified, Version: f.pin.version(), Weak: f.pin.weak()}
}

// probe asks for the facts of a file's URL, with retries.
func (u *UFS) probe(ctx context.Context, op string, at *url.URL) (f facts, err error) {
	err = u.opt.Retry.Do(ctx, func() error {
		f, err = u.probeOnce(ctx, op, at)
		return err
	})
	return f, err
}

// probeOnce tries HEAD, and the first byte where HEAD is not had or tells no length.
func (u *UFS) probeOnce(ctx context.Context, op string, at *url.URL) (facts, error) {
	if u.headless.Load() {
		return u.probeByGet(ctx, op, at)
	}
	x, err := u.fetch(ctx, http.MethodHead, at, nil)
	if err != nil {
		return facts{}, unanswered(op, at, err)
	}
	defer x.Close()
	switch {
	case x.slash:
		return facts{dir: true}, nil
	case x.StatusCode == http.StatusMethodNotAllowed || x.StatusCode == http.StatusNotImplemented:
		u.headless.Store(true)
		return u.probeByGet(ctx, op, at)
	case x.StatusCode == http.StatusBadRequest || x.StatusCode == http.StatusForbidden,
		x.StatusCode == http.StatusOK && (x.ContentLength <= 0 || x.encoded()): // 0 is what careless servers say to any HEAD
		return u.probeByGet(ctx, op, at)
	case x.StatusCode != http.StatusOK:
		return facts{}, answered(op, x)
	}
	return u.factsOf(x, x.ContentLength), nil
}

func (u *UFS) factsOf(x *exchange, size int64) facts {
	return facts{
		html: x.isHTML(), pin: newPin(x.Header, size), header: x.Header,
		modified: modTime(x.Header, u.opt.LastModified),
	}
}

// probeByGet asks for the first byte, which tells the length in passing.
func (u *UFS) probeByGet(ctx context.Context, op string, at *url.URL) (facts, error) {
	x, err := u.fetch(ctx, http.MethodGet, at, http.Header{"Range": {"bytes=0-0"}})
	if err != nil {
		return facts{}, unanswered(op, at, err)
	}
	defer x.Close()
	r, ranged := parseContentRange(x.Header.Get("Content-Range"))
	switch {
	case x.slash:
		return facts{dir: true}, nil
	case x.StatusCode == http.StatusRequestedRangeNotSatisfiable && ranged && r.total == 0:
		return u.factsOf(x, 0), nil
	case x.StatusCode != http.StatusOK && x.StatusCode != http.StatusPartialContent:
		return facts{}, answered(op, x)
	case x.encoded():
		return facts{}, compressed(op, x)
	case x.StatusCode == http.StatusPartialContent:
		if !ranged || r.first != 0 || r.last != 0 {
			return facts{}, malformed(op, at, fmt.Sprintf("asked for bytes 0-0, the server says %q", x.Header.Get("Content-Range")))
		}
		return u.factsOf(x, r.total), nil
	case x.ContentLength >= 0:
		return u.factsOf(x, x.ContentLength), nil
	}
	size, err := io.CopyN(io.Discard, x, u.opt.MaxUnsized+1)
	switch {
	case err == nil:
		return facts{}, failed(op, at, &ufs.Reason{Errno: syscall.EFBIG,
			Text: fmt.Sprintf("the server tells no length, and there are more than the %d bytes that are read to learn it", u.opt.MaxUnsized)})
	case err != io.EOF:
		return facts{}, unanswered(op, at, err)
	}
	return u.factsOf(x, size), nil
}
