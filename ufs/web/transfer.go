package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"

	"goosefs/ufs"
)

// transfer makes one attempt to read [off, off+n) of a pinned version (n > 0). The
// bytes it returns are proven by the very response that brings them.
func (u *UFS) transfer(ctx context.Context, at *url.URL, want pin, off, n int64) (*ufs.Exact, error) {
	if x, pos := u.parked.take(at.String(), want, off); x != nil {
		x.link(ctx)
		return u.fromWhole(ctx, x, at, want, pos, off, n)
	}
	header := http.Header{}
	whole := off == 0 && n == want.size
	if !whole {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	}
	if want.kind == byETag && !u.matchless.Load() {
		header.Set("If-Match", want.validator)
	}
	x, err := u.fetch(ctx, http.MethodGet, at, header)
	if err != nil {
		return nil, unanswered("open", at, err)
	}
	if err := u.judge(x, at, want, off, n, whole); err != nil {
		x.Close()
		if x.StatusCode == http.StatusPreconditionFailed {
			err = u.recheck(ctx, at, want, err)
		}
		return nil, err
	}
	if x.StatusCode == http.StatusPartialContent {
		u.rangeless.Store(false)
		return u.checked(ctx, reading{x, at}, at, want, n, true), nil
	}
	if !whole {
		u.rangeless.Store(true)
	}
	return u.fromWhole(ctx, x, at, want, 0, off, n)
}

// judge decides from the header of an answer whether its body is the one asked
// for: nil if it is, as a range (206) or as the whole object (200).
func (u *UFS) judge(x *exchange, at *url.URL, want pin, off, n int64, whole bool) error {
	const op = "open"
	r, ranged := parseContentRange(x.Header.Get("Content-Range"))
	total := x.ContentLength // -1: not told
	switch code := x.StatusCode; {
	case x.slash:
		return failed(op, at, &ufs.Reason{Errno: syscall.EISDIR, Text: "the server says that this is a directory now"})
	case code == http.StatusRequestedRangeNotSatisfiable && ranged && r.total != want.size:
		return changedSince(op, at, fmt.Sprintf("it has %d bytes now, had %d", r.total, want.size))
	case (code == http.StatusOK || code == http.StatusPartialContent) && x.encoded():
		return compressed(op, x)
	case code == http.StatusPartialContent && whole:
		return malformed(op, at, "a part (206) was sent where no range was asked for")
	case code == http.StatusPartialContent:
		if !ranged || r.first != off || r.last != off+n-1 {
			if ranged && r.total != want.size {
				return changedSince(op, at, fmt.Sprintf("it has %d bytes now, had %d", r.total, want.size))
			}
			return malformed(op, at, fmt.Sprintf("asked for bytes %d-%d, the server says %q", off, off+n-1, x.Header.Get("Content-Range")))
		}
		if total >= 0 && total != n {
			return malformed(op, at, fmt.Sprintf("asked for %d bytes, the server sends %d", n, total))
		}
		total = r.total
	case code != http.StatusOK:
		return answered(op, x)
	}
	switch want.compare(x.Header) {
	case changed:
		return changedSince(op, at, "its validator is another now")
	case silent:
		return failed(op, at, &ufs.Reason{Errno: syscall.EIO, Text: "the answer does not carry the validator that would prove the version"})
	}
	if total >= 0 && total != want.size {
		if want.kind != bySize { // same validator, other length: it was HEAD that lied
			u.headless.Store(true)
		}
		return changedSince(op, at, fmt.Sprintf("it has %d bytes now, had %d", total, want.size))
	}
	return nil
}

// recheck looks whether a 412 is true. Some servers fail If-Match for any ETag; from
// such a one If-Match is kept, and the call is repeated without it.
func (u *UFS) recheck(ctx context.Context, at *url.URL, want pin, failure error) error {
	if u.unchanged(ctx, at, want) != nil || u.matchless.Swap(true) {
		return failure
	}
	return malformed("open", at, "the server fails If-Match although the ETag is the same")
}

// fromWhole cuts [off, off+n) out of an answer with the whole object, whose body
// stands at pos ≤ off.
func (u *UFS) fromWhole(ctx context.Context, x *exchange, at *url.URL, want pin, pos, off, n int64) (*ufs.Exact, error) {
	if _, err := io.CopyN(io.Discard, x, off-pos); err != nil {
		x.Close()
		if err == io.EOF {
			return nil, malformed("open", at, fmt.Sprintf("the answer ended before byte %d of %d", off, want.size))
		}
		return nil, unanswered("open", at, err)
	}
	body := &cut{reading: reading{x, at}, u: u, want: want, end: off + n, pos: off}
	// If the header told no length, and nothing else proves the version, count to the end.
	if x.ContentLength < 0 && want.kind == bySize && off+n < want.size {
		checked := u.checked(ctx, body, at, want, n, false)
		checked.End = func() error { return body.countRest() }
		return checked, nil
	}
	return u.checked(ctx, body, at, want, n, off+n == want.size), nil
}

// checked wraps a body so that exactly n proven bytes come out of it.
func (u *UFS) checked(ctx context.Context, body io.ReadCloser, at *url.URL, want pin, n int64, ends bool) *ufs.Exact {
	e := &ufs.Exact{Op: "read", Path: Mask(at.String()), Body: body, Length: n, Whole: ends}
	if want.kind == byTime || want.kind == byWeakETag {
		e.End = func() error { return u.unchanged(ctx, at, want) }
	}
	return e
}

// unchanged asks whether the object still is the pinned version.
func (u *UFS) unchanged(ctx context.Context, at *url.URL, want pin) error {
	f, err := u.probe(ctx, "read", at)
	switch {
	case err != nil:
		return err
	case f.dir || f.pin.size != want.size || want.compare(f.header) != same:
		return changedSince("read", at, "it was rewritten while it was read")
	}
	return nil
}

// cut is a part of an answer with the whole object. When the part has been read to
// its end, Close parks the transfer for the next part instead of ending it.
type cut struct {
	reading
	u        *UFS
	want     pin
	pos, end int64
	broken   bool
}

// Read implements io.Reader.
func (c *cut) Read(p []byte) (int, error) {
	n, err := c.reading.Read(p)
	c.pos += int64(n)
	c.broken = c.broken || err != nil
	return n, err
}

// countRest reads on to the object's end, and complains if it is not where it was.
func (c *cut) countRest() error {
	rest, err := io.CopyN(io.Discard, c, c.want.size-c.pos+1)
	if err != nil && err != io.EOF {
		return err
	}
	if total := c.want.size; c.pos != total {
		return changedSince("read", c.at, fmt.Sprintf("it has another length than %d now (after a part, %d more bytes came)", total, rest))
	}
	return nil
}

// Close implements io.Closer.
func (c *cut) Close() error {
	if !c.broken && c.pos == c.end && c.end < c.want.size {
		c.u.parked.put(c.at.String(), c.want, c.pos, c.exchange)
		return nil
	}
	return c.exchange.Close()
}
