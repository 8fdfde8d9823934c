package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxRedirects = 5
	userAgent    = "goosefs"
)

var (
	errSilent    = errors.New("the server fell silent")
	errRedirects = errors.New("more than 5 redirects")
)

// newTransport makes the connection pool of one mount.
func newTransport(opt Options) *http.Transport {
	dialer := &net.Dialer{
		Timeout: opt.DialTimeout,
		Control: addresses{allow: opt.Allow, deny: opt.Deny}.control,
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    opt.DialTimeout,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        60 * time.Second,
		DisableCompression:     true, // what is asked for is what is counted
		ReadBufferSize:         64 << 10,
	}
}

// exchange is one request and its answer, redirects followed. Its body is read
// through Read, which gives up when the server is silent for the idle timeout;
// the time between two Reads is the caller's own.
type exchange struct {
	*http.Response
	url   *url.URL // where the answer came from
	slash bool     // the server redirected to the same URL with a slash (not followed)

	ctx    context.Context
	cancel context.CancelCauseFunc
	idle   time.Duration
	timer  *time.Timer

	mu struct { // the caller's context, which may change while the transfer is parked
		sync.Mutex
		stop func() bool
	}
}

// fetch sends a request for the given URL and waits for the answer's header. The
// caller closes the exchange. A file's URL that turns out to be a directory's is not
// followed: see exchange.slash.
func (u *UFS) fetch(ctx context.Context, method string, to *url.URL, header http.Header) (*exchange, error) {
	if ctx.Err() != nil { // the link below is heard a moment later, and a quick answer would be faster
		return nil, context.Cause(ctx)
	}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	x := &exchange{ctx: inner, cancel: cancel, idle: u.opt.IdleTimeout, url: to}
	x.timer = time.AfterFunc(x.idle, func() { cancel(errSilent) })
	x.link(ctx)
	err := u.follow(x, method, header)
	x.timer.Stop()
	if err != nil {
		if cause := context.Cause(inner); cause != nil {
			err = cause
		}
		x.unlink()
		cancel(nil)
		return nil, err
	}
	return x, nil
}

// follow sends requests until one is answered with something else than a redirect.
func (u *UFS) follow(x *exchange, method string, header http.Header) error {
	asked := x.url
	for range maxRedirects + 1 {
		request, err := http.NewRequestWithContext(x.ctx, method, x.url.String(), nil)
		if err != nil {
			return err
		}
		for key, values := range header {
			request.Header[key] = values
		}
		request.Header.Set("Accept-Encoding", "identity")
		request.Header.Set("User-Agent", userAgent)
		if u.user != nil && sameOrigin(u.base, x.url) {
			password, _ := u.user.Password()
			request.SetBasicAuth(u.user.Username(), password)
		}
		x.timer.Reset(x.idle)
		response, err := u.transport.RoundTrip(request)
		if err != nil {
			return err
		}
		to, redirect, err := redirection(x.url, response)
		if err == nil && !redirect {
			x.Response = response
			return nil
		}
		if err == nil && !strings.HasSuffix(asked.Path, "/") && to.Path == asked.Path+"/" {
			x.Response, x.slash = response, true
			return nil
		}
		response.Body.Close()
		if err == nil && !within(u.base, x.url, to) {
			err = &strayed{to}
		}
		if err != nil {
			return err
		}
		x.url = to
	}
	return errRedirects
}

// redirection reads where a response sends us.
func redirection(from *url.URL, r *http.Response) (to *url.URL, redirect bool, err error) {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false, nil
	}
	ref, err := url.Parse(r.Header.Get("Location"))
	if err != nil || r.Header.Get("Location") == "" {
		return nil, true, &strayed{}
	}
	return from.ResolveReference(ref), true, nil
}

// strayed is a redirect that leads out of the mount.
type strayed struct {
	to *url.URL // nil: to nothing that is a URL
}

func (s *strayed) Error() string {
	if s.to == nil {
		return "redirected to nowhere"
	}
	return "redirected out of the mounted directory, to " + Mask(s.to.String())
}

// link makes ctx one that ends the transfer, until unlink.
func (x *exchange) link(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.stop = context.AfterFunc(ctx, func() { x.cancel(context.Cause(ctx)) })
}

// unlink makes the transfer nobody's.
func (x *exchange) unlink() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mu.stop != nil {
		x.mu.stop()
		x.mu.stop = nil
	}
}

// Read reads the body.
func (x *exchange) Read(p []byte) (int, error) {
	x.timer.Reset(x.idle)
	n, err := x.Body.Read(p)
	x.timer.Stop()
	if err != nil && err != io.EOF {
		if cause := context.Cause(x.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close ends the exchange. A connection whose answer was read to its end is used again.
func (x *exchange) Close() error {
	x.timer.Stop()
	x.unlink()
	if x.ContentLength > 0 && x.ContentLength <= maxDrain && x.Request.Method != http.MethodHead {
		x.idle = min(x.idle, time.Second)
		io.CopyN(io.Discard, x, maxDrain) // a failure costs the connection only
	}
	err := x.Body.Close()
	x.cancel(nil)
	return err
}

// maxDrain is the longest answer whose rest is read to keep its connection.
const maxDrain = 4 << 10

// encoded reports a compressed answer, whose bytes are not the object's.
func (x *exchange) encoded() bool {
	encoding := x.Header.Get("Content-Encoding")
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}

// isHTML reports whether the answer calls itself a web page.
func (x *exchange) isHTML() bool {
	kind, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "text/html" || kind == "application/xhtml+xml"
}
