package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"goosefs/ufs"
)

// This file is the table from what servers and networks do to what callers see.

// failed makes an error about one URL.
func failed(op string, at *url.URL, reason *ufs.Reason) error {
	return &fs.PathError{Op: op, Path: Mask(at.String()), Err: reason}
}

// answered is the error of a status that is not a success.
func answered(op string, x *exchange) error {
	reason := &ufs.Reason{Errno: syscall.EIO, Text: statusText(x.StatusCode)}
	switch code := x.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		reason.Errno = syscall.ENOENT
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusUnavailableForLegalReasons:
		reason.Errno = syscall.EACCES
	case code == http.StatusPreconditionFailed:
		reason.Errno = syscall.ESTALE
	case code == http.StatusTooManyRequests:
		reason.Errno, reason.Temporary = syscall.EAGAIN, true
	case code == http.StatusRequestTimeout || code == http.StatusGatewayTimeout:
		reason.Errno, reason.Temporary = syscall.ETIMEDOUT, true
	case code == http.StatusNotImplemented || code == http.StatusHTTPVersionNotSupported:
	case code >= 500 || code == http.StatusMisdirectedRequest || code == http.StatusTooEarly:
		reason.Temporary = true
	}
	if reason.Temporary {
		reason.RetryAfter = retryAfter(x.Header, time.Now())
	}
	return failed(op, x.url, reason)
}

func statusText(code int) string {
	return fmt.Sprintf("the server answered %d %s", code, http.StatusText(code))
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, 0)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

// unanswered is the error of an exchange that brought no answer, or broke off.
func unanswered(op string, at *url.URL, err error) error {
	var known *fs.PathError
	if errors.As(err, &known) {
		return err
	}
	path := Mask(at.String())
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ufs.Ended(op, path, err)
	}
	reason := &ufs.Reason{Errno: syscall.EIO, Text: err.Error(), Temporary: true}
	var (
		closed  *denied
		away    *strayed
		timeout net.Error
	)
	switch {
	case errors.As(err, &closed):
		reason = &ufs.Reason{Errno: syscall.EACCES, Text: closed.Error()}
	case errors.As(err, &away):
		reason = &ufs.Reason{Errno: syscall.EACCES, Text: away.Error()}
	case errors.Is(err, errSilent), errors.As(err, &timeout) && timeout.Timeout():
		reason.Errno = syscall.ETIMEDOUT
	case errors.Is(err, errRedirects), isCertificate(err):
		reason.Temporary = false
	}
	return &fs.PathError{Op: op, Path: path, Err: reason}
}

// isCertificate reports an error of TLS that waiting does not mend.
func isCertificate(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		unknown      x509.UnknownAuthorityError
		host         x509.HostnameError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &record)
}

// changedSince is the error of an object that is no longer the version asked for.
func changedSince(op string, at *url.URL, text string) error {
	return failed(op, at, &ufs.Reason{Errno: syscall.ESTALE, Text: "the object changed: " + text})
}

// malformed is the error of an answer that breaks the protocol; another try may be served better.
func malformed(op string, at *url.URL, text string) error {
	return failed(op, at, &ufs.Reason{Errno: syscall.EIO, Text: text, Temporary: true})
}

// compressed is the error of an answer with a Content-Encoding.
func compressed(op string, x *exchange) error {
	return failed(op, x.url, &ufs.Reason{Errno: syscall.EIO,
		Text: fmt.Sprintf("the server compressed the answer (Content-Encoding: %q) although asked not to", x.Header.Get("Content-Encoding"))})
}
