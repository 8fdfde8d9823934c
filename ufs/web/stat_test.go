package web

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/ufstest"
)

// byMethod serves HEAD one way and GET another.
func byMethod(head, get http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			head(w, r)
			return
		}
		get(w, r)
	}
}

func TestStatOfOddServers(t *testing.T) {
	data := ufstest.Bytes(size)
	modified, _ := http.ParseTime(date1)
	full := ufs.Info{Name: "f", Size: size, ModTime: modified, Version: tagged.version()}
	bare := ufs.Info{Name: "f", Size: size, Version: unknown.version(), Weak: true}
	tests := []struct {
		name  string
		serve http.HandlerFunc
		want  ufs.Info
		errno syscall.Errno
	}{
		{"honest", good, full, 0},
		{"HEAD 405", byMethod(raw(405, nil), good), full, 0},
		{"HEAD 501", byMethod(raw(501, nil), good), full, 0},
		{"HEAD 400", byMethod(raw(400, nil), good), full, 0},
		{"HEAD 403", byMethod(raw(403, nil), good), full, 0},
		{"HEAD and GET 403", raw(403, nil), ufs.Info{}, syscall.EACCES},
		{"HEAD without length", byMethod(chunked(200, nil), good), full, 0},
		{"HEAD with length 0", byMethod(raw(200, nil, "Content-Length", "0"), good), full, 0},
		{"HEAD compressed", byMethod(raw(200, nil, "Content-Length", "99", "Content-Encoding", "gzip"), good), full, 0},
		{"no HEAD, no ranges", byMethod(raw(405, nil), raw(200, data, "Last-Modified", date1)), full, 0},
		{"no length anywhere", chunked(200, data), bare, 0},
		{"no length anywhere, long", chunked(200, append(data[:size:size], 1)), ufs.Info{}, syscall.EFBIG},
		{"no HEAD, wrong range", byMethod(raw(405, nil), raw(206, data[:1], "Content-Range", "bytes 1-1/10000")), ufs.Info{}, syscall.EIO},
		{"no HEAD, compressed", byMethod(raw(405, nil), raw(200, data, "Content-Encoding", "br")), ufs.Info{}, syscall.EIO},
		{"no HEAD, empty object", byMethod(raw(405, nil), raw(416, nil, "Content-Range", "bytes */0")), ufs.Info{Name: "f", Version: `e0:"v1"`}, 0},
		{"no HEAD, 500", byMethod(raw(405, nil), raw(500, nil)), ufs.Info{}, syscall.EIO},
		{"no validators", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", "") }, bare, 0},
		{"weak ETag", func(w http.ResponseWriter, r *http.Request) { honest(w, r, `W/"a"`, "") }, ufs.Info{Name: "f", Size: size, Version: `w10000:"a"`, Weak: true}, 0},
		{"weak ETag and Last-Modified", func(w http.ResponseWriter, r *http.Request) { honest(w, r, `W/"a"`, date1) },
			ufs.Info{Name: "f", Size: size, Version: dated.version(), ModTime: modified}, 0},
		{"Last-Modified that is no date", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", "yesterday") }, ufs.Info{Name: "f", Size: size, Version: "t10000:yesterday"}, 0},
		{"ETag without quotes", func(w http.ResponseWriter, r *http.Request) { honest(w, r, "abc", "") }, ufs.Info{Name: "f", Size: size, Version: "w10000:abc", Weak: true}, 0},
		{"404", raw(404, nil), ufs.Info{}, syscall.ENOENT},
		{"410", raw(410, nil), ufs.Info{}, syscall.ENOENT},
		{"500", raw(500, nil), ufs.Info{}, syscall.EIO},
		{"500, twice", firstThen(2, raw(500, nil), good), full, 0},
		{"404, but nobody knows about the directory", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/") {
				w.WriteHeader(500)
				return
			}
			w.WriteHeader(404)
		}, ufs.Info{}, syscall.EIO},
		{"a directory that does not redirect", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/") {
				w.WriteHeader(404)
				return
			}
			page("<title>Index of /data/f/</title>")(w, r)
		}, ufs.Info{Name: "f", Dir: true}, 0},
		{"a directory behind a proxy that changed the scheme", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://inside:8080"+r.URL.Path+"/")
			w.WriteHeader(301)
		}, ufs.Info{Name: "f", Dir: true}, 0},
		{"a login page elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, ufs.Info{}, syscall.EACCES},
		{"a page for any name", page("<title>Oops, not found</title>"), ufs.Info{}, syscall.EIO},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opt := impatient()
			opt.MaxUnsized = size
			u := serve(t, test.serve, opt)
			got, err := u.Stat(t.Context(), "f")
			if test.errno != 0 {
				ufstest.WantErrno(t, err, test.errno)
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

// A server that answers any name with a page: what its listing names exists, and nothing else.
func TestSoftNotFound(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/data/":
			page(`<title>Index of /data/</title><a href="real.html">real.html</a></html>`)(w, r)
		default:
			page("<title>Sorry</title>")(w, r)
		}
	}, impatient())
	_, err := u.Stat(t.Context(), "none")
	ufstest.WantErrno(t, err, syscall.ENOENT)
	if info, err := u.Stat(t.Context(), "real.html"); err != nil || info.Dir || info.Size == 0 {
		t.Errorf("%+v, %v", info, err)
	}
	all, err := ufstest.Collect(t.Context(), u, "")
	if err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	_, err = ufstest.Collect(t.Context(), u, "none")
	ufstest.WantErrno(t, err, syscall.EIO)
}

// A whole call has an end, however patient its parts are.
func TestCallTimeout(t *testing.T) {
	opt := impatient()
	opt.CallTimeout = 30 * time.Millisecond
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, opt)
	_, err := u.Stat(t.Context(), "f")
	ufstest.WantErrno(t, err, syscall.ETIMEDOUT)
	_, err = ufstest.Collect(t.Context(), u, "")
	ufstest.WantErrno(t, err, syscall.ETIMEDOUT)
}

func TestLastModifiedLayout(t *testing.T) {
	opt := impatient()
	opt.LastModified = "2006-01-02 15:04"
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { honest(w, r, "", "2024-02-03 04:05") }, opt)
	info, err := u.Stat(t.Context(), "f")
	if err != nil || !info.ModTime.Equal(time.Date(2024, 2, 3, 4, 5, 0, 0, time.UTC)) || info.Weak {
		t.Errorf("%+v, %v", info, err)
	}
}
