package ufs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"goosefs/ufs"
)

func TestCleanName(t *testing.T) {
	long := strings.Repeat("x", 255)
	tests := []struct {
		in, want string
		errno    error
	}{
		{"", "", nil}, {"/", "", nil}, {"a", "a", nil}, {"/a/b/", "a/b", nil}, {"a b/ü/...", "a b/ü/...", nil}, {long, long, nil}, {`a\b`, `a\b`, nil},
		{"..", "", syscall.EINVAL}, {"a/../b", "", syscall.EINVAL}, {".", "", syscall.EINVAL}, {"a//b", "", syscall.EINVAL},
		{"a\x00b", "", syscall.EINVAL}, {"a\nb", "", syscall.EINVAL}, {"a\x7f", "", syscall.EINVAL}, {"\xff", "", syscall.EINVAL},
		{`..\a`, "", syscall.EINVAL}, {`a\..\b`, "", syscall.EINVAL}, {long + "x", "", syscall.ENAMETOOLONG},
	}
	for _, test := range tests {
		got, err := ufs.CleanName(test.in)
		if got != test.want || err != test.errno {
			t.Errorf("CleanName(%.20q) = %.20q, %v", test.in, got, err)
		}
	}
	for name, want := range map[string][2]string{"": {"", ""}, "a": {"", "a"}, "a/b/c": {"a/b", "c"}} {
		if got := [2]string{ufs.Parent(name), ufs.Base(name)}; got != want {
			t.Errorf("%q: parent and base %q", name, got)
		}
	}
}

func TestErrors(t *testing.T) {
	busy := &fs.PathError{Op: "open", Path: "/f", Err: &ufs.Reason{Errno: syscall.EAGAIN, Text: "busy", Temporary: true}}
	broken := &fs.PathError{Op: "open", Path: "/f", Err: &ufs.Reason{Errno: syscall.EIO, Text: "odd"}}
	late, away := ufs.Ended("open", "/f", context.DeadlineExceeded), ufs.Ended("open", "/f", context.Canceled)
	tests := []struct {
		err   error
		errno syscall.Errno
		again bool
	}{
		{nil, 0, false}, {busy, syscall.EAGAIN, true}, {broken, syscall.EIO, false}, {late, syscall.ETIMEDOUT, true}, {away, syscall.ECANCELED, false},
		{fmt.Errorf("fill: %w", busy), syscall.EAGAIN, true}, {syscall.ENOENT, syscall.ENOENT, false}, {syscall.ESTALE, syscall.ESTALE, false},
		{syscall.ECONNRESET, syscall.ECONNRESET, true}, {syscall.EIO, syscall.EIO, false},
		{io.ErrUnexpectedEOF, syscall.EIO, true}, {errors.New("what"), syscall.EIO, false},
	}
	for _, test := range tests {
		if ufs.Errno(test.err) != test.errno || ufs.Retryable(test.err) != test.again {
			t.Errorf("%v: errno %v, retryable %v", test.err, ufs.Errno(test.err), ufs.Retryable(test.err))
		}
	}
	if got := busy.Error(); got != "open /f: busy: resource temporarily unavailable" {
		t.Error(got)
	}
	if got := late.Error(); got != "open /f: connection timed out" || !errors.Is(late, context.DeadlineExceeded) || !errors.Is(away, context.Canceled) {
		t.Error(got)
	}
}

// A body of 10 bytes, in the ways it can arrive.
func TestExact(t *testing.T) {
	const text = "0123456789"
	bad := errors.New("bad end")
	tests := []struct {
		name  string
		body  io.Reader
		whole bool
		end   error
		want  string
		fails bool
	}{
		{"as it should", strings.NewReader(text), true, nil, text, false},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(text)), true, nil, text, false},
		{"data and end at once", iotest.DataErrReader(strings.NewReader(text)), true, nil, text, false},
		{"more to come, which is fine", strings.NewReader(text + "rest"), false, nil, text, false},
		{"one byte more", strings.NewReader(text + "x"), true, nil, "", true},
		{"one byte less", strings.NewReader(text[:9]), false, nil, text[:9], true},
		{"nothing", strings.NewReader(""), false, nil, "", true},
		{"an error in the middle", io.MultiReader(strings.NewReader(text[:5]), iotest.ErrReader(syscall.ECONNRESET)), false, nil, text[:5], true},
		{"an error instead of the end", io.MultiReader(strings.NewReader(text), iotest.ErrReader(syscall.ECONNRESET)), true, nil, "", true},
		{"the end is not proven", strings.NewReader(text), false, bad, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &ufs.Exact{Op: "read", Path: "/f", Body: io.NopCloser(test.body), Length: 10, Whole: test.whole, End: func() error { return test.end }}
			got, err := io.ReadAll(e)
			if string(got) != test.want || (err != nil) != test.fails {
				t.Fatalf("%q, %v", got, err)
			}
			if test.end != nil && !errors.Is(err, bad) {
				t.Errorf("not End's error: %v", err)
			}
			if test.fails && test.end == nil && (ufs.Errno(err) != syscall.EIO || !ufs.Retryable(err)) {
				t.Errorf("errno %v, retryable %v", ufs.Errno(err), ufs.Retryable(err))
			}
			if _, again := e.Read(make([]byte, 1)); test.fails && again != err || !test.fails && again != io.EOF {
				t.Errorf("a read after the end: %v", again)
			}
		})
	}
}

// ReadFull with a buffer of just the right size cannot be fooled: it never sees the end.
func TestExactWithholdsUnprovenBytes(t *testing.T) {
	e := &ufs.Exact{Body: io.NopCloser(strings.NewReader("0123456789x")), Length: 10, Whole: true}
	if n, err := io.ReadFull(e, make([]byte, 10)); err == nil || n == 10 {
		t.Errorf("%d bytes, %v", n, err)
	}
	empty := &ufs.Exact{Body: io.NopCloser(strings.NewReader("x")), Whole: true}
	if _, err := empty.Read(make([]byte, 10)); ufs.Errno(err) != syscall.EIO {
		t.Errorf("an empty body that is not: %v", err)
	}
	closed := &ufs.Exact{Op: "read", Path: "/f", Body: io.NopCloser(bytes.NewReader(make([]byte, 10))), Length: 10}
	closed.Close()
	if _, err := closed.Read(make([]byte, 10)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCheckRange(t *testing.T) {
	const most = 1<<63 - 1
	for _, r := range [][3]int64{{10, 0, 10}, {10, 10, 0}, {0, 0, 0}, {most, 0, most}} {
		if ufs.CheckRange(r[0], r[1], r[2]) != nil {
			t.Errorf("%v refused", r)
		}
	}
	for _, r := range [][3]int64{{10, 0, 11}, {10, 11, 0}, {10, -1, 1}, {10, 1, -1}, {10, most, most}, {10, 5, most}} {
		if ufs.CheckRange(r[0], r[1], r[2]) != syscall.EINVAL {
			t.Errorf("%v accepted", r)
		}
	}
}

func TestRetry(t *testing.T) {
	temporary := func(after time.Duration) error {
		return &ufs.Reason{Errno: syscall.EIO, Temporary: true, RetryAfter: after}
	}
	tests := []struct {
		name     string
		retry    ufs.Retry
		errs     []error // of each call in turn; the last repeats
		calls    int
		min, max time.Duration
		fails    bool
	}{
		{"works", ufs.Retry{}, []error{nil}, 1, 0, 0, false},
		{"an answer is not retried", ufs.Retry{}, []error{syscall.ENOENT}, 1, 0, 0, true},
		{"works in the end", ufs.Retry{}, []error{temporary(0), temporary(0), nil}, 3, 0, 600 * time.Millisecond, false},
		{"attempts end", ufs.Retry{}, []error{temporary(0)}, 4, 0, 1400 * time.Millisecond, true},
		{"temporary, then an answer", ufs.Retry{}, []error{temporary(0), syscall.ESTALE}, 2, 0, 200 * time.Millisecond, true},
		{"Retry-After is waited for", ufs.Retry{}, []error{temporary(3 * time.Second), nil}, 2, 3 * time.Second, 3 * time.Second, false},
		{"Retry-After beyond the budget", ufs.Retry{}, []error{temporary(11 * time.Second)}, 1, 0, 0, true},
		{"the budget ends", ufs.Retry{Attempts: 100, Base: time.Second, Max: time.Second, Budget: 5 * time.Second}, []error{temporary(time.Second)}, 6, 5 * time.Second, 5 * time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, calls := time.Now(), 0
				err := test.retry.Do(t.Context(), func() error {
					calls++
					return test.errs[min(calls, len(test.errs))-1]
				})
				took := time.Since(begin)
				if calls != test.calls || (err != nil) != test.fails || took < test.min || took > test.max {
					t.Errorf("%d calls in %v, %v", calls, took, err)
				}
			})
		})
	}
}

// The caller's end is the end of waiting, and the source's error is what it hears.
func TestRetryCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		err := ufs.Retry{}.Do(ctx, func() error {
			return &ufs.Reason{Errno: syscall.EAGAIN, Temporary: true, RetryAfter: 5 * time.Second}
		})
		if ufs.Errno(err) != syscall.EAGAIN || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
