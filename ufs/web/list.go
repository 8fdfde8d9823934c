package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"syscall"

	"goosefs/ufs"
)

// List yields the children that the index page of a directory names, each with
// the facts of its own HEAD; up to Options.Parallel of them are under way at once.
// Names that lead nowhere (404), may not be read (401, 403) or tell no length are left out.
func (u *UFS) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		const op = "list"
		name, err := u.clean(op, name)
		if err != nil {
			yield(ufs.Info{}, err)
			return
		}
		at := u.urlOf(name, true)
		pageCtx, cancelPage := context.WithTimeout(ctx, u.opt.CallTimeout)
		page, err := u.page(pageCtx, op, at)
		cancelPage()
		if err != nil {
			yield(ufs.Info{}, err)
			return
		}
		if page.dropped > 0 {
			u.warn("links that do not name a child were left out of a listing", "url", Mask(at.String()), "links", page.dropped)
		}
		ctx, cancel := context.WithCancel(ctx)
		parallel := u.opt.Parallel
		if page.oneShot { // each HEAD is a new connection, to a server with a short queue for them
			parallel = min(parallel, 4)
		}
		pending := u.describe(ctx, name, page.entries, parallel)
		defer func() { // leave no goroutine behind
			cancel()
			for answer := range pending {
				<-answer
			}
		}()
		u.yieldAll(ctx, at, len(page.entries), pending, yield)
	}
}

// described is an entry with its facts, or why there are none.
type described struct {
	info ufs.Info
	err  error
}

// yieldAll hands the n answers on in order, until the first real error.
func (u *UFS) yieldAll(ctx context.Context, at *url.URL, n int, pending <-chan chan described, yield func(ufs.Info, error) bool) {
	for answer := range pending {
		d := <-answer
		n--
		switch ufs.Errno(d.err) {
		case 0:
			if !yield(d.info, nil) {
				return
			}
		case syscall.ENOENT, syscall.EACCES, syscall.EFBIG:
			u.warn("an entry that cannot be read was left out of a listing", "url", Mask(at.String()), "entry", d.info.Name, "err", d.err)
		default:
			yield(ufs.Info{}, d.err)
			return
		}
	}
	if n > 0 { // the caller went away before all were asked for
		yield(ufs.Info{}, ufs.Ended("list", Mask(at.String()), context.Cause(ctx)))
	}
}

// describe asks for the facts of all entries, parallel at once. What it returns yields
// one channel per entry, in order, and is closed at the end or when ctx ends.
func (u *UFS) describe(ctx context.Context, name string, entries []entry, parallel int) <-chan chan described {
	pending := make(chan chan described, parallel-1)
	prefix := ""
	if name != "" {
		prefix = name + "/"
	}
	go func() {
		defer close(pending)
		for _, e := range entries {
			answer := make(chan described, 1)
			select {
			case pending <- answer:
			case <-ctx.Done():
				return
			}
			if e.dir {
				answer <- described{info: ufs.Info{Name: e.name, Dir: true}}
				continue
			}
			go func() {
				ctx, cancel := context.WithTimeout(ctx, u.opt.CallTimeout)
				defer cancel()
				f, err := u.probe(ctx, "list", u.urlOf(prefix+e.name, false))
				answer <- described{f.info(e.name), err}
			}()
		}
	}()
	return pending
}

// page fetches and reads the index page of a directory, with retries.
func (u *UFS) page(ctx context.Context, op string, at *url.URL) (l listing, err error) {
	err = u.opt.Retry.Do(ctx, func() error {
		l, err = u.pageOnce(ctx, op, at)
		return err
	})
	return l, err
}

func (u *UFS) pageOnce(ctx context.Context, op string, at *url.URL) (listing, error) {
	x, err := u.fetch(ctx, http.MethodGet, at, http.Header{"Accept": {"text/html"}})
	if err != nil {
		return listing{}, unanswered(op, at, err)
	}
	defer x.Close()
	switch {
	case x.StatusCode != http.StatusOK:
		return listing{}, answered(op, x)
	case x.encoded():
		return listing{}, compressed(op, x)
	case !x.isHTML():
		return listing{}, notListing(op, at, fmt.Sprintf("its Content-Type is %q", x.Header.Get("Content-Type")))
	}
	body := &capped{r: x, left: u.opt.MaxPage}
	l, err := parseIndex(body, x.url, pageRules{u.opt.Titles, u.opt.ParentNames, u.opt.MaxEntries})
	switch {
	case body.over:
		return listing{}, failed(op, at, &ufs.Reason{Errno: syscall.EFBIG, Text: fmt.Sprintf("the listing is longer than %d bytes", u.opt.MaxPage)})
	case errors.Is(err, errNotListing):
		return listing{}, notListing(op, at, "it has neither a listing's title nor a link to its parent")
	case body.err != nil:
		return listing{}, unanswered(op, at, body.err)
	case err != nil:
		return listing{}, failed(op, at, &ufs.Reason{Errno: syscall.EIO, Text: err.Error()})
	case !l.closed && x.ContentLength < 0 && len(x.TransferEncoding) == 0:
		return listing{}, malformed(op, at, "the listing has no end")
	}
	l.oneShot = !x.ProtoAtLeast(1, 1)
	return l, nil
}

func notListing(op string, at *url.URL, why string) error {
	return failed(op, at, &ufs.Reason{Errno: syscall.EIO, Text: "not a directory listing: " + why})
}

// capped reads at most left bytes, and remembers why it stopped.
type capped struct {
	r    io.Reader
	left int64
	over bool  // there was more
	err  error // of r, other than io.EOF
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		n, err := io.ReadFull(c.r, make([]byte, 1))
		c.over = n > 0
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
