package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/ufstest"
)

// The object of these tests: 10,000 bytes, of which [1000,3000) are asked for.
const (
	size    = 10_000
	off     = 1_000
	n       = 2_000
	date1   = "Sat, 03 Feb 2024 04:05:06 GMT"
	date2   = "Sat, 03 Feb 2024 04:05:07 GMT"
	etag1   = `"v1"`
	part    = "bytes 1000-2999/10000"
	another = `"v2"`
)

var (
	tagged  = pin{byETag, size, etag1}
	dated   = pin{byTime, size, date1}
	unknown = pin{bySize, size, ""}
)

// impatient are options under which nothing in these tests takes long.
func impatient() Options {
	return Options{IdleTimeout: 5 * time.Second, Retry: ufs.Retry{Attempts: 3, Base: time.Millisecond}}
}

func serve(t testing.TB, h http.HandlerFunc, opt Options) *UFS {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := New(s.URL+"/data", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

// honest serves the object as a good server does.
func honest(w http.ResponseWriter, r *http.Request, etag, modified string) {
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	if modified != "" {
		w.Header().Set("Last-Modified", modified)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(ufstest.Bytes(size)))
}

// raw answers with a header and a body, whatever was asked.
func raw(code int, body []byte, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag1)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		if r.Method != http.MethodHead {
			w.Write(body)
		}
	}
}

// cutOff promises the range and sends only some bytes of it.
func cutOff(sent int) http.HandlerFunc {
	return raw(206, ufstest.Bytes(size)[off:off+sent], "Content-Range", part, "Content-Length", strconv.Itoa(n))
}

// firstThen serves the first k requests one way and the rest another.
func firstThen(k int32, first, then http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) <= k {
			first(w, r)
			return
		}
		then(w, r)
	}
}

func good(w http.ResponseWriter, r *http.Request) { honest(w, r, etag1, date1) }

// chunked sends a body without telling its length.
func chunked(code int, body []byte, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		if r.Method != http.MethodHead {
			half := len(body) / 2
			w.Write(body[:half])
			w.(http.Flusher).Flush()
			w.Write(body[half:])
		}
	}
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// afraid fails If-Match for any ETag.
func afraid(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("If-Match") != "" {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	good(w, r)
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// misbehaviour is one server, asked for the range of one version.
type misbehaviour struct {
	name  string
	serve http.HandlerFunc
	pin   pin
	want  syscall.Errno // 0: exactly the right bytes
	again bool          // the error is one after which it is worth trying again
}

// aboutRanges are servers that send other bytes than asked for.
func aboutRanges() []misbehaviour {
	data := ufstest.Bytes(size)
	span := data[off : off+n]
	return []misbehaviour{
		{"honest, ETag", good, tagged, 0, false},
		{"honest, Last-Modified", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", date1) }, dated, 0, false},
		{"honest, nothing", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", "") }, unknown, 0, false},
		{"ignores ranges", raw(200, data), tagged, 0, false},
		{"ignores ranges and lengths", chunked(200, data, "ETag", etag1), tagged, 0, false},
		{"ignores ranges, lengths and versions", chunked(200, data), unknown, 0, false},
		{"ignores all of these, and the object grew", chunked(200, append(data[:size:size], 1)), unknown, syscall.ESTALE, false},
		{"ignores all of these, and the object shrank", chunked(200, data[:5000]), unknown, syscall.ESTALE, false},
		{"ignores ranges and ends before the range", chunked(200, data[:500], "ETag", etag1), tagged, syscall.EIO, true},
		{"ignores ranges and ends within it", chunked(200, data[:1500], "ETag", etag1), tagged, syscall.EIO, true},
		{"ignores ranges, another ETag", raw(200, data, "ETag", another), tagged, syscall.ESTALE, false},
		{"ignores ranges, another length", raw(200, data[:9000], "Content-Length", "9000"), tagged, syscall.ESTALE, false},
		{"range without a length", chunked(206, span, "ETag", etag1, "Content-Range", part), tagged, 0, false},
		{"another start", raw(206, span, "Content-Range", "bytes 0-1999/10000"), tagged, syscall.EIO, true},
		{"another end", raw(206, span[:1000], "Content-Range", "bytes 1000-1999/10000"), tagged, syscall.EIO, true},
		{"another total", raw(206, span, "Content-Range", "bytes 1000-2999/10001"), tagged, syscall.ESTALE, false},
		{"unknown total", raw(206, span, "Content-Range", "bytes 1000-2999/*"), tagged, syscall.EIO, true},
		{"no Content-Range", raw(206, span), tagged, syscall.EIO, true},
		{"garbage in Content-Range", raw(206, span, "Content-Range", "bytes -1000--2999/+10000"), tagged, syscall.EIO, true},
		{"multipart", raw(206, span, "Content-Type", "multipart/byteranges; boundary=x"), tagged, syscall.EIO, true},
		{"Content-Length against Content-Range", raw(206, span[:1999], "Content-Range", part), tagged, syscall.EIO, true},
		{"short body", cutOff(700), tagged, syscall.EIO, true},
		{"short body, once", firstThen(1, cutOff(700), good), tagged, 0, false},
		{"short body, then another version", firstThen(1, cutOff(700), raw(200, data, "ETag", another)), tagged, syscall.ESTALE, false},
		{"short body of an unknown version is not continued", firstThen(1, cutOff(700), good), unknown, syscall.EIO, true},
		{"empty body of an unknown version is asked for again", firstThen(1, cutOff(0), good), unknown, 0, false},
		{"longer body", chunked(206, data[off:off+n+1], "ETag", etag1, "Content-Range", part), tagged, syscall.EIO, true},
		{"gzip by surprise", raw(206, zipped(span), "Content-Range", part, "Content-Encoding", "gzip"), tagged, syscall.EIO, false},
	}
}

// aboutVersions are servers whose object is not the pinned one, or who do not say.
func aboutVersions() []misbehaviour {
	span := ufstest.Bytes(size)[off : off+n]
	return []misbehaviour{
		{"another ETag", raw(206, span, "Content-Range", part, "ETag", another), tagged, syscall.ESTALE, false},
		{"the ETag turned weak", raw(206, span, "Content-Range", part, "ETag", "W/"+etag1), tagged, syscall.ESTALE, false},
		{"the ETag is gone", chunked(206, span, "Content-Range", part), tagged, syscall.EIO, false},
		{"weak ETag, the same", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "W/"+etag1, "") }, pin{byWeakETag, size, etag1}, 0, false},
		{"weak ETag, another", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "W/"+another, "") }, pin{byWeakETag, size, etag1}, syscall.ESTALE, false},
		{"another Last-Modified", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", date2) }, dated, syscall.ESTALE, false},
		{"rewritten while it was read", firstThen(1, func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", date1) },
			func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", date2) }), dated, syscall.ESTALE, false},
		{"gone while it was read", firstThen(1, func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", date1) }, http.NotFound), dated, syscall.ENOENT, false},
		{"only the length differs", raw(206, span, "Content-Range", "bytes 1000-2999/10001"), unknown, syscall.ESTALE, false},
		{"416, shrunk", raw(416, nil, "Content-Range", "bytes */900"), tagged, syscall.ESTALE, false},
		{"416, without reason", raw(416, nil, "Content-Range", "bytes */10000"), tagged, syscall.EIO, false},
		{"412", firstThen(1, raw(412, nil), func(w http.ResponseWriter, r *http.Request) { honest(w, r, another, date2) }), tagged, syscall.ESTALE, false},
		{"412 to any If-Match", afraid, tagged, 0, false},
	}
}

// aboutAnswers are servers that do not answer with the object at all.
func aboutAnswers() []misbehaviour {
	return []misbehaviour{
		{"404", raw(404, nil), tagged, syscall.ENOENT, false},
		{"410", raw(410, nil), tagged, syscall.ENOENT, false},
		{"401", raw(401, nil), tagged, syscall.EACCES, false},
		{"403", raw(403, nil), tagged, syscall.EACCES, false},
		{"451", raw(451, nil), tagged, syscall.EACCES, false},
		{"400", raw(400, nil), tagged, syscall.EIO, false},
		{"500", raw(500, nil), tagged, syscall.EIO, true},
		{"500, twice", firstThen(2, raw(500, nil), good), tagged, 0, false},
		{"503 with Retry-After", firstThen(1, raw(503, nil, "Retry-After", "0"), good), tagged, 0, false},
		{"504", raw(504, nil), tagged, syscall.ETIMEDOUT, true},
		{"429", raw(429, nil), tagged, syscall.EAGAIN, true},
		{"429, ask in an hour", raw(429, nil, "Retry-After", "3600"), tagged, syscall.EAGAIN, true},
		{"connection reset", reset, tagged, syscall.EIO, true},
		{"connection reset, once", firstThen(1, reset, good), tagged, 0, false},
		{"redirect without end", redirect("/data/f?again"), tagged, syscall.EIO, false},
		{"redirect to another host", redirect("http://example.com/data/f"), tagged, syscall.EACCES, false},
		{"redirect to another port", redirect("http://127.0.0.1:1/data/f"), tagged, syscall.EACCES, false},
		{"redirect to another scheme", redirect("file:///etc/passwd"), tagged, syscall.EACCES, false},
		{"redirect above the base", redirect("/login"), tagged, syscall.EACCES, false},
		{"redirect to nowhere", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(302) }, tagged, syscall.EACCES, false},
		{"redirect within the base", firstThen(1, redirect("/data/other"), good), tagged, 0, false},
		{"a directory now", redirect("/data/f/"), tagged, syscall.EISDIR, false},
	}
}

func TestMisbehavingServers(t *testing.T) {
	span := ufstest.Bytes(size)[off : off+n]
	for _, test := range slices.Concat(aboutRanges(), aboutVersions(), aboutAnswers()) {
		t.Run(test.name, func(t *testing.T) {
			u := serve(t, test.serve, impatient())
			got, err := ufstest.Read(t.Context(), u, "f", test.pin.version(), off, n)
			if test.want == 0 {
				if err != nil || !bytes.Equal(got, span) {
					t.Fatalf("got %d bytes, %v", len(got), err)
				}
				return
			}
			ufstest.WantErrno(t, err, test.want)
			if ufs.Retryable(err) != test.again {
				t.Errorf("retryable: %v, want %v: %v", !test.again, test.again, err)
			}
			if !strings.Contains(err.Error(), u.base.String()+"f") {
				t.Errorf("the error does not name the URL: %v", err)
			}
			if !bytes.HasPrefix(span, got) || len(got) == n {
				t.Errorf("%d bytes were handed over that are not the right ones", len(got))
			}
		})
	}
}

// A server that does not answer costs one idle timeout; nothing hangs, nothing is left behind.
func TestStall(t *testing.T) {
	opt := impatient()
	opt.IdleTimeout = 30 * time.Millisecond
	stall := make(chan struct{})
	defer close(stall)
	for name, h := range map[string]http.HandlerFunc{
		"before the header": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-stall:
			case <-r.Context().Done():
			}
		},
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			cutOff(700)(w, r)
			w.(http.Flusher).Flush()
			select {
			case <-stall:
			case <-r.Context().Done():
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ufstest.Read(t.Context(), serve(t, h, opt), "f", tagged.version(), off, n)
			ufstest.WantErrno(t, err, syscall.ETIMEDOUT)
			if !ufs.Retryable(err) {
				t.Error("not retryable")
			}
		})
	}
}

// A slow caller is not a silent server.
func TestSlowCaller(t *testing.T) {
	opt := impatient()
	opt.IdleTimeout = 20 * time.Millisecond
	u := serve(t, good, opt)
	r, err := u.Open(t.Context(), "f", tagged.version(), 0, size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.Sleep(5 * opt.IdleTimeout) // the caller's own time is what is tested
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, ufstest.Bytes(size)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Nobody listens: an error after a few tries, soon, that is not "not found".
func TestRefused(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	u, err := New(s.URL+"/data", Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = u.Open(ctx, "f", tagged.version(), 0, size)
	ufstest.WantErrno(t, err, syscall.EIO)
	_, err = u.Stat(ctx, "f")
	ufstest.WantErrno(t, err, syscall.EIO)
	if !ufs.Retryable(err) || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("%v", err)
	}
}

func TestRetryAfterGoesUp(t *testing.T) {
	u := serve(t, raw(429, nil, "Retry-After", "3600"), impatient())
	_, err := u.Open(t.Context(), "f", tagged.version(), off, n)
	var reason *ufs.Reason
	if !errors.As(err, &reason) || reason.RetryAfter != time.Hour {
		t.Errorf("%v", err)
	}
}

// Reading in order from a server without ranges takes one transfer; several
// readers in one file do not disturb each other; nothing is left after Close.
func TestParking(t *testing.T) {
	var gets atomic.Int32
	data := ufstest.Bytes(1 << 20)
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			gets.Add(1)
		}
		w.Header().Set("ETag", etag1)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data)
	}, impatient())
	v := pin{byETag, 1 << 20, etag1}.version()
	read := func(off, n int64) {
		t.Helper()
		got, err := ufstest.Read(t.Context(), u, "f", v, off, n)
		if err != nil || !bytes.Equal(got, data[off:off+n]) {
			t.Fatalf("%d bytes from %d: %d bytes, %v", n, off, len(got), err)
		}
	}
	for off := int64(0); off < 1<<20; off += 1 << 16 {
		read(off, 1<<16)
	}
	if gets.Load() != 1 || !u.Sequential() {
		t.Errorf("%d transfers, sequential %v", gets.Load(), u.Sequential())
	}
	for off := int64(0); off < 1<<19; off += 1 << 16 { // two readers, each at its place
		read(off, 1<<16)
		read(1<<19+off, 1<<16)
	}
	if gets.Load() > 3 {
		t.Errorf("%d transfers for three passes", gets.Load())
	}
	for i := range int64(2 * maxParked) { // more than are kept
		read(i*1000, 10)
		read(0, 10)
	}
	ctx, cancel := context.WithCancel(t.Context()) // the context of the one who started it is not the next one's
	r, err := u.Open(ctx, "f", v, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(r)
	r.Close()
	cancel()
	before := gets.Load()
	read(100, 100)
	if gets.Load() != before {
		t.Error("the transfer ended with its first caller")
	}
	u.Close()
	if x, _ := u.parked.take(u.base.String()+"f", pin{byETag, 1 << 20, etag1}, 1<<20); x != nil {
		t.Error("a transfer is parked after Close")
	}
}

// HEAD told another length than GET: the first read says so, and Stat knows better then.
func TestHeadLies(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			raw(200, nil, "Content-Length", "777")(w, r)
			return
		}
		good(w, r)
	}, impatient())
	info, err := u.Stat(t.Context(), "f")
	if err != nil || info.Size != 777 {
		t.Fatalf("%+v, %v", info, err)
	}
	_, err = ufstest.Read(t.Context(), u, "f", info.Version, 0, 777)
	ufstest.WantErrno(t, err, syscall.ESTALE)
	if info, err = u.Stat(t.Context(), "f"); err != nil || info.Size != size {
		t.Fatalf("%+v, %v", info, err)
	}
	if got, err := ufstest.Read(t.Context(), u, "f", info.Version, 0, size); err != nil || len(got) != size {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestOpenRefusesForeignVersions(t *testing.T) {
	u := serve(t, good, impatient())
	for _, v := range []ufs.Version{"", "x", "e:", "e10:", `e-1:"a"`, "s10:x", "q10:x", "12:34:56:78", "t10"} {
		_, err := u.Open(t.Context(), "f", v, 0, 1)
		ufstest.WantErrno(t, err, syscall.EINVAL)
	}
}

// The password of a URL goes to the server and nowhere else.
func TestPassword(t *testing.T) {
	var asked atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked.Store(user + ":" + password)
		w.WriteHeader(403)
	}))
	defer s.Close()
	u, err := New(strings.Replace(s.URL, "://", "://ann:CANARY@", 1), impatient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Stat(t.Context(), "f")
	if asked.Load() != "ann:CANARY" || strings.Contains(fmt.Sprintf("%v %+v", err, err), "CANARY") {
		t.Errorf("sent %v; error %v", asked.Load(), err)
	}
}
