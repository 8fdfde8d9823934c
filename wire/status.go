package wire

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The domain and the keys of the detail that carries operation, path and errno beside GooseFS's text.
const (
	errorDomain = "goosefs"
	keyOp       = "op"
	keyPath     = "path"
	keyLeader   = "leader"
	notLeader   = "NOT_LEADER"
)

// textLimit bounds the text of a status, which travels in a header.
const textLimit = 4 << 10

// errnos is the table between errors and gRPC: which code an errno travels as, and under which name it is told apart
// from others of the same code. The first row of a code is what that code means when no name came with it.
var errnos = []struct {
	errno syscall.Errno
	name  string
	code  codes.Code
}{
	{syscall.ENOENT, "ENOENT", codes.NotFound},
	{syscall.EEXIST, "EEXIST", codes.AlreadyExists},
	{syscall.EACCES, "EACCES", codes.PermissionDenied},
	{syscall.EPERM, "EPERM", codes.PermissionDenied},
	{syscall.EROFS, "EROFS", codes.PermissionDenied},
	{syscall.ENOKEY, "ENOKEY", codes.Unauthenticated},
	{syscall.EINVAL, "EINVAL", codes.InvalidArgument},
	{syscall.ENAMETOOLONG, "ENAMETOOLONG", codes.InvalidArgument},
	{syscall.EXDEV, "EXDEV", codes.InvalidArgument},
	{syscall.ESTALE, "ESTALE", codes.FailedPrecondition},
	{syscall.ENOTEMPTY, "ENOTEMPTY", codes.FailedPrecondition},
	{syscall.EISDIR, "EISDIR", codes.FailedPrecondition},
	{syscall.ENOTDIR, "ENOTDIR", codes.FailedPrecondition},
	{syscall.EBUSY, "EBUSY", codes.FailedPrecondition},
	{syscall.EHOSTUNREACH, "EHOSTUNREACH", codes.FailedPrecondition},
	{syscall.ENOSPC, "ENOSPC", codes.ResourceExhausted},
	{syscall.EDQUOT, "EDQUOT", codes.ResourceExhausted},
	{syscall.EMSGSIZE, "EMSGSIZE", codes.ResourceExhausted},
	{syscall.ENOTSUP, "ENOTSUP", codes.Unimplemented},
	{syscall.ERANGE, "ERANGE", codes.OutOfRange},
	{syscall.EAGAIN, "EAGAIN", codes.Unavailable},
	{syscall.ETIMEDOUT, "ETIMEDOUT", codes.DeadlineExceeded},
	{syscall.ECANCELED, "ECANCELED", codes.Canceled},
	{syscall.EBADMSG, "EBADMSG", codes.DataLoss},
	{syscall.EIO, "EIO", codes.Internal},
	{syscall.ENODATA, "ENODATA", codes.Internal}, // not here, and perhaps elsewhere
}

// Status is the gRPC status of err: the code of its errno, its text, and a detail that lets [FromStatus] restore it.
// An error that already is a status is returned as it is.
func Status(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
	case errors.Is(err, context.Canceled):
		errno = syscall.ECANCELED
	case errors.Is(err, context.DeadlineExceeded):
		errno = syscall.ETIMEDOUT
	case errors.Is(err, fs.ErrNotExist):
		errno = syscall.ENOENT
	default:
		errno = syscall.EIO
	}
	code, name := codes.Internal, "EIO"
	for _, row := range errnos {
		if row.errno == errno {
			code, name = row.code, row.name
			break
		}
	}
	info := &errdetails.ErrorInfo{Reason: name, Domain: errorDomain, Metadata: map[string]string{}}
	var at *fs.PathError
	if errors.As(err, &at) {
		info.Metadata[keyOp], info.Metadata[keyPath] = printable(at.Op), printable(at.Path)
	}
	return detailed(code, printable(err.Error()), info)
}

// printable is text as a status can carry it: not too long, and UTF-8 whatever a caller put into a path.
func printable(text string) string {
	if len(text) > textLimit {
		text = text[:textLimit] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// NotLeader is what a standby master answers to what only the leader may answer. leader, host:port, may be empty.
func NotLeader(leader string) error {
	text := "this master is not the leader"
	if leader != "" {
		text += "; the leader is " + leader
	}
	return notServing(text, leader)
}

// SafeMode is what a leader answers that is not ready yet. To clients it is as good as no leader: they ask again.
func SafeMode() error {
	return notServing("GooseFS master is in safe mode. Please try again later.", "")
}

func notServing(text, leader string) error {
	return detailed(codes.Unavailable, text, &errdetails.ErrorInfo{
		Reason: notLeader, Domain: errorDomain, Metadata: map[string]string{keyLeader: leader},
	})
}

func detailed(code codes.Code, text string, info *errdetails.ErrorInfo) error {
	s := status.New(code, text)
	if with, err := s.WithDetails(info); err == nil {
		s = with
	}
	return s.Err()
}

// LeaderHint says whether err came from a master that is not the leader, and whom it holds for the leader.
func LeaderHint(err error) (leader string, ok bool) {
	info := infoOf(status.Convert(err))
	if info == nil || info.Reason != notLeader {
		return "", false
	}
	return info.Metadata[keyLeader], true
}

// Error is what a server answered: its text, and the errno it stands for.
type Error struct {
	Code codes.Code
	Text string // as GooseFS words it
	at   *fs.PathError
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives operation, path and errno.
func (e *Error) Unwrap() error { return e.at }

// FromStatus turns the status that a call to op on path ended with into an [*Error]. Errors that are no status stay
// as they are.
func FromStatus(op, path string, err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	at := &fs.PathError{Op: op, Path: path, Err: syscall.EIO}
	name := ""
	if info := infoOf(s); info != nil {
		name = info.Reason
		if info.Metadata[keyOp] != "" {
			at.Op, at.Path = info.Metadata[keyOp], info.Metadata[keyPath]
		}
	}
	at.Err = errnoOf(s.Code(), name)
	return &Error{Code: s.Code(), Text: s.Message(), at: at}
}

// errnoOf looks up the errno by its name, and by the code where no name came along.
func errnoOf(code codes.Code, name string) syscall.Errno {
	for _, row := range errnos {
		if row.name == name {
			return row.errno
		}
	}
	for _, row := range errnos {
		if row.code == code {
			return row.errno
		}
	}
	return syscall.EIO
}

func infoOf(s *status.Status) *errdetails.ErrorInfo {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return info
		}
	}
	return nil
}

// Unreached says that err means no server took the call: nobody listens, the connection broke, or a proxy in between
// gave up. Whether the call happened is unknown. An answer of ours, whatever its code, is not that.
func Unreached(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return err != nil
	}
	return infoOf(s) == nil && (s.Code() == codes.Unavailable || s.Code() == codes.Aborted)
}

// Reason is the part of a transport error that a person needs: what the operating system said.
func Reason(err error) string {
	text := status.Convert(err).Message()
	for _, known := range []string{"connection refused", "no such host", "i/o timeout", "no route to host", "network is unreachable", "deadline exceeded"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return text
}
