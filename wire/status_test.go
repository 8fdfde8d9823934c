package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// worded is an error as the namespace makes them: GooseFS's text around operation, path and errno.
type worded struct {
	text string
	at   *fs.PathError
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.at }

// Every errno of the table arrives as it left, with its text, operation and path, under the code of its row.
func TestStatusRoundTrip(t *testing.T) {
	for _, row := range errnos {
		t.Run(row.name, func(t *testing.T) {
			sent := &worded{"Path \"/a\" is in trouble", &fs.PathError{Op: "rename", Path: "/a", Err: row.errno}}
			st := Status(fmt.Errorf("wrapped: %w", sent))
			if got := status.Code(st); got != row.code {
				t.Errorf("travels as %v, want %v", got, row.code)
			}
			got := FromStatus("other", "/other", st)
			var errno syscall.Errno
			if !errors.As(got, &errno) || errno != row.errno {
				t.Errorf("arrives as %v, want %v", errno, row.errno)
			}
			var at *fs.PathError
			if !errors.As(got, &at) || at.Op != "rename" || at.Path != "/a" {
				t.Errorf("arrives at %+v", at)
			}
			if want := "wrapped: " + sent.text; got.Error() != want {
				t.Errorf("text %q, want %q", got, want)
			}
			if again := Status(got); status.Code(again) != row.code {
				t.Errorf("passed on as %v, want %v", status.Code(again), row.code)
			}
			if Unreached(st) {
				t.Error("an answer of ours counts as no answer")
			}
		})
	}
}

// Errors without an errno, and statuses without our detail, find their place too.
func TestStatusOfOthers(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
	}{
		{context.Canceled, codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{fs.ErrNotExist, codes.NotFound},
		{errors.New("what"), codes.Internal},
		{&os.PathError{Op: "read", Path: "/x", Err: syscall.ENODEV}, codes.Internal},
		{status.Error(codes.DataLoss, "as it is"), codes.DataLoss},
	} {
		if got := status.Code(Status(c.err)); got != c.code {
			t.Errorf("%v travels as %v, want %v", c.err, got, c.code)
		}
	}
	for _, c := range []struct {
		code  codes.Code
		errno syscall.Errno
	}{
		{codes.NotFound, syscall.ENOENT}, {codes.AlreadyExists, syscall.EEXIST}, {codes.FailedPrecondition, syscall.ESTALE},
		{codes.Unavailable, syscall.EAGAIN}, {codes.Unimplemented, syscall.ENOTSUP}, {codes.Unknown, syscall.EIO},
	} {
		err := FromStatus("stat", "/a", status.Error(c.code, "somebody else's words"))
		var errno syscall.Errno
		var at *fs.PathError
		if !errors.As(err, &errno) || errno != c.errno || !errors.As(err, &at) || at.Op != "stat" || at.Path != "/a" {
			t.Errorf("%v arrives as %v of %+v, want %v", c.code, errno, at, c.errno)
		}
	}
	plain := errors.New("no status")
	if got := FromStatus("stat", "/a", plain); got != plain {
		t.Errorf("an error that is no status became %v", got)
	}
	if Status(nil) != nil || FromStatus("stat", "/a", nil) != nil {
		t.Error("nil is an error")
	}
}

// A path of any bytes and any length makes a status that can be sent.
func TestStatusOfHostileText(t *testing.T) {
	path := "/\xff\xfe" + strings.Repeat("x", 1<<20)
	st := status.Convert(Status(&fs.PathError{Op: "stat", Path: path, Err: syscall.EINVAL}))
	if len(st.Message()) > 2*textLimit || !utf8.ValidString(st.Message()) {
		t.Errorf("a text of %d bytes", len(st.Message()))
	}
	if b, err := proto.Marshal(st.Proto()); err != nil || len(b) > 4*textLimit {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	var errno syscall.Errno
	if !errors.As(FromStatus("", "", st.Err()), &errno) || errno != syscall.EINVAL {
		t.Errorf("errno %v", errno)
	}
}

func TestLeaderHint(t *testing.T) {
	for _, c := range []struct {
		err      error
		hint     string
		standby  bool
		text     string
		unreachd bool
	}{
		{NotLeader("m1:9200"), "m1:9200", true, "this master is not the leader; the leader is m1:9200", false},
		{NotLeader(""), "", true, "this master is not the leader", false},
		{SafeMode(), "", true, "GooseFS master is in safe mode. Please try again later.", false},
		{Status(&fs.PathError{Op: "stat", Path: "/", Err: syscall.EAGAIN}), "", false, "stat /: resource temporarily unavailable", false},
		{status.Error(codes.Unavailable, "connection refused"), "", false, "connection refused", true},
		{errors.New("dial failed"), "", false, "dial failed", true},
	} {
		hint, standby := LeaderHint(c.err)
		if hint != c.hint || standby != c.standby {
			t.Errorf("%v: hint %q, standby %v", c.err, hint, standby)
		}
		if got := status.Convert(c.err).Message(); got != c.text {
			t.Errorf("text %q, want %q", got, c.text)
		}
		if got := Unreached(c.err); got != c.unreachd {
			t.Errorf("%v: unreached %v", c.err, got)
		}
	}
	if _, standby := LeaderHint(nil); standby {
		t.Error("no error is a hint")
	}
	if Unreached(nil) {
		t.Error("no error counts as no answer")
	}
}

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		`connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:9200: connect: connection refused"`: "connection refused",
		"dial tcp: lookup nowhere: no such host": "no such host",
		"something new":                          "something new",
	} {
		if got := Reason(status.Error(codes.Unavailable, text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
