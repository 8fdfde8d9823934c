// Package web is the under file system of an HTTP server's directory: its index
// pages are the directories, the files they link to are the objects. It is
// read-only.
//
// # What is a directory
//
// A page is believed to be a listing only if it looks like one that a server made
// (see parseIndex): those of Apache httpd, nginx (autoindex and fancyindex),
// lighttpd, Go's http.FileServer and Python's http.server. A login page, an
// index.html, a friendly "not found" page is an error, never a directory. From a
// listing only names are taken, and only from links that resolve to direct
// children; sizes, dates and kinds come from a HEAD of each child, because pages round.
//
// # What pins a version
//
// The best that the server offers, in this order: a strong ETag; Last-Modified and
// the length; a weak ETag and the length; the length alone. With the latter two
// [ufs.Info.Weak] is set. A range is handed over only if the response that carried
// it showed the pinned validators and the pinned total, had exactly the asked
// bounds, and exactly that many bytes. Where the proof is not a strong ETag the
// validators are asked for once more after the last byte, because a file may be
// rewritten while it is being sent. What no validator shows cannot be seen: two
// states of a file with the same length within the same second of Last-Modified
// (nginx's ETag is no finer than that).
//
// # What servers do not have
//
// No ranges: the whole file is read and skipped; the connection is kept for
// the next range, so that reading in order costs one transfer. No HEAD: a GET of the
// first byte. No length in either: the file is read whole to learn it, up to
// Options.MaxUnsized; larger ones are left out of listings, and EFBIG to Stat. No 404 (a
// page with status 200 instead): a name counts only if its parent lists it.
//
// # What is refused
//
// Redirects to another host, to plain HTTP from HTTPS, above the base, or more than
// five; compressed answers; connections to link-local and cloud metadata
// addresses (see addresses). Loopback and private networks are allowed, because
// datasets of bare hosts live there; Options.Deny closes them.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/ufs"
)

// Options are the settings of one mount; the zero value means the defaults.
type Options struct {
	CallTimeout time.Duration // a whole Stat, or one page of List, retries included; default 60 s
	IdleTimeout time.Duration // silence before an answer or within it; default 20 s
	DialTimeout time.Duration // default 5 s
	Retry       ufs.Retry

	Parallel   int   // HEADs at once for one List; default 16
	MaxPage    int64 // bytes of an index page; default 64 MiB
	MaxEntries int   // entries of an index page; default 1,000,000
	MaxUnsized int64 // bytes read to learn a length that the server does not tell; default 16 MiB

	Titles       []string // beginnings of a listing's title or heading; default "Index of", "Directory listing for"
	ParentNames  []string // texts of the link to the parent; default "Parent Directory", "..", "../"
	LastModified string   // layout of Last-Modified, as package time's; default HTTP's own three

	Allow []netip.Prefix // addresses to connect to although they are denied below or by default
	Deny  []netip.Prefix // addresses not to connect to, besides the default ones

	Logger *slog.Logger // nil: none
}

// UFS is one mounted web directory. Make it with New.
type UFS struct {
	opt       Options
	log       *slog.Logger
	base      *url.URL // path ends with a slash; no query, no fragment, no user
	user      *url.Userinfo
	transport *http.Transport
	parked    parking

	// What has been learned about the server. Only hints: each use is checked anew.
	headless  atomic.Bool // HEAD is refused, or lies about lengths
	rangeless atomic.Bool // the last range asked for was answered with the whole

	matchless atomic.Bool // If-Match fails for the ETag that the server itself gave

	absent absence // how the server says "not found"

	warned sync.Map // kinds of trouble already logged at warning level: string → struct{}
}

var (
	_ ufs.UFS        = (*UFS)(nil)
	_ ufs.Sequential = (*UFS)(nil)
)

// New mounts the directory at base, an http or https URL. It does not connect.
func New(base string, opt Options) (*UFS, error) {
	u, err := url.Parse(base)
	if err != nil { // the parser's error repeats the URL, and the URL may hold a password
		return nil, &fs.PathError{Op: "mount", Path: Mask(base), Err: &ufs.Reason{Errno: syscall.EINVAL, Text: "not a URL"}}
	}
	refuse := func(text string) (*UFS, error) {
		return nil, &fs.PathError{Op: "mount", Path: Mask(base), Err: &ufs.Reason{Errno: syscall.EINVAL, Text: text}}
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("the scheme is neither http nor https")
	case u.Hostname() == "":
		return refuse("the URL names no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("a directory's URL has no query and no fragment")
	}
	if _, ok := elements(u); !ok {
		return refuse("the URL's path has empty, dotted or unsafe elements")
	}
	opt = opt.withDefaults()
	m := &UFS{opt: opt, log: opt.Logger, user: u.User}
	m.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if !strings.HasSuffix(m.base.Path, "/") {
		m.base.Path += "/"
		if m.base.RawPath != "" {
			m.base.RawPath += "/"
		}
	}
	m.transport = newTransport(opt)
	return m, nil
}

// Close ends idle connections and parked transfers. Readers that are open go on.
func (u *UFS) Close() error {
	u.parked.close()
	u.transport.CloseIdleConnections()
	return nil
}

// Sequential reports whether the server answered the last ranged request with the whole file.
func (u *UFS) Sequential() bool { return u.rangeless.Load() }

// Create fails: a web directory cannot be written.
func (u *UFS) Create(_ context.Context, name string, _ fs.FileMode) (ufs.Writer, error) {
	return nil, u.readOnly("create", name)
}

// Mkdir fails: a web directory cannot be written.
func (u *UFS) Mkdir(_ context.Context, name string, _ fs.FileMode) error {
	return u.readOnly("mkdir", name)
}

// Remove fails: a web directory cannot be written.
func (u *UFS) Remove(_ context.Context, name string) error { return u.readOnly("remove", name) }

// Rename fails: a web directory cannot be written.
func (u *UFS) Rename(_ context.Context, from, _ string) error { return u.readOnly("rename", from) }

func (u *UFS) readOnly(op, name string) error {
	return &fs.PathError{Op: op, Path: u.urlOf(strings.Trim(name, "/"), false).String(), Err: syscall.EROFS}
}

// clean is CleanName with an error that names the URL.
func (u *UFS) clean(op, name string) (string, error) {
	cleaned, err := ufs.CleanName(name)
	if err != nil {
		return "", &fs.PathError{Op: op, Path: u.base.String() + name, Err: err}
	}
	return cleaned, nil
}

// warn logs the first trouble of a kind in this mount as a warning and the rest for debugging.
func (u *UFS) warn(kind string, args ...any) {
	level := slog.LevelDebug
	if _, known := u.warned.LoadOrStore(kind, struct{}{}); !known {
		level = slog.LevelWarn
	}
	u.log.Log(context.Background(), level, kind, args...)
}

func (o Options) withDefaults() Options {
	duration := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	duration(&o.CallTimeout, 60*time.Second)
	duration(&o.IdleTimeout, 20*time.Second)
	duration(&o.DialTimeout, 5*time.Second)
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.MaxPage <= 0 {
		o.MaxPage = 64 << 20
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = 1_000_000
	}
	if o.MaxUnsized <= 0 {
		o.MaxUnsized = 16 << 20
	}
	if o.Titles == nil {
		o.Titles = []string{"Index of", "Directory listing for"}
	}
	if o.ParentNames == nil {
		o.ParentNames = []string{"Parent Directory", "..", "../"}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Mask hides what is secret in a URL: user, password, query.
func Mask(raw string) string {
	u, err := url.Parse(raw)
	if err == nil && u.Opaque == "" {
		if u.User != nil {
			u.User = url.User("******")
		}
		if u.RawQuery != "" {
			u.RawQuery = "******"
		}
		return strings.ReplaceAll(u.String(), "%2A", "*")
	}
	// Not a URL: keep nothing between the scheme and the last @, nor after a ?.
	raw, _, _ = strings.Cut(raw, "?")
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		scheme, _, found := strings.Cut(raw, "://")
		if found {
			return scheme + "://******" + raw[at:]
		}
		return "******" + raw[at:]
	}
	return raw
}

// isErrno reports whether errno is what err means.
func isErrno(err error, errno syscall.Errno) bool { return err != nil && ufs.Errno(err) == errno }
