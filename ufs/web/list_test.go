package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"goosefs/ufs"
	"goosefs/ufs/ufstest"
)

func page(body string) http.HandlerFunc {
	return raw(200, []byte(body), "Content-Type", "text/html; charset=utf-8", "Content-Length", fmt.Sprint(len(body)))
}

// listed serves a listing of a, b, c and d/, with c served by odd.
func listed(odd http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/data/":
			page(`<h1>Index of /data</h1><a href="a">a</a><a href="b">b</a><a href="c">c</a><a href="d/">d/</a></html>`)(w, r)
		case "/data/c":
			odd(w, r)
		default:
			good(w, r)
		}
	}
}

func TestListOfOddServers(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
		want  string // the names listed before the end or the error
		errno syscall.Errno
	}{
		{"honest", listed(good), "a b c d", 0},
		{"an entry is gone", listed(raw(404, nil)), "a b d", 0},
		{"an entry may not be read", listed(raw(403, nil)), "a b d", 0},
		{"an entry without length", listed(chunked(200, ufstest.Bytes(size+1))), "a b d", 0},
		{"an entry is a directory without a slash", listed(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/data/c/", http.StatusMovedPermanently)
		}), "a b c d", 0},
		{"an entry fails", listed(raw(500, nil)), "a b", syscall.EIO},
		{"an entry fails at first", listed(firstThen(1, raw(500, nil), good)), "a b c d", 0},
		{"login page", page(`<html><title>Sign in</title><form><a href="reset">Forgot password?</a></form></html>`), "", syscall.EIO},
		{"login page elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "", syscall.EACCES},
		{"index.html", page(`<html><h1>Welcome</h1><a href="a">a</a></html>`), "", syscall.EIO},
		{"empty page", page(""), "", syscall.EIO},
		{"not HTML", raw(200, []byte(`[{"name":"a"}]`), "Content-Type", "application/json"), "", syscall.EIO},
		{"compressed", raw(200, []byte("x"), "Content-Type", "text/html", "Content-Encoding", "gzip"), "", syscall.EIO},
		{"404", raw(404, nil), "", syscall.ENOENT},
		{"503", raw(503, nil), "", syscall.EIO},
		{"reset", reset, "", syscall.EIO},
		{"reset once", firstThen(1, reset, listed(good)), "a b c d", 0},
		{"too long a page", page("<title>Index of</title>" + strings.Repeat("<hr>", 5000)), "", syscall.EFBIG},
		{"too many entries", page("<title>Index of</title>" + links(101)), "", syscall.EIO},
		{"as many entries as may be", page("<title>Index of</title>" + strings.ReplaceAll(links(100), `">`, `/">`)), "100", 0},
		{"cut off by the server", raw(200, []byte("<title>Index of /</title>"), "Content-Type", "text/html", "Content-Length", "4000"), "", syscall.EIO},
		{"without a length and without an end", closing("<title>Index of /</title><a href=a>a</a>"), "", syscall.EIO},
		{"without a length", closing("<title>Index of /</title></html>"), "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opt := impatient()
			opt.MaxUnsized, opt.MaxPage, opt.MaxEntries = size, 16<<10, 100
			u := serve(t, test.serve, opt)
			var names []string
			var err error
			for info, e := range u.List(t.Context(), "") {
				if err = e; err == nil {
					names = append(names, info.Name)
				} else if info != (ufs.Info{}) {
					t.Errorf("an error came with %+v", info)
				}
			}
			got := strings.Join(names, " ")
			if len(names) == 100 {
				got = "100"
			}
			if got != test.want {
				t.Errorf("listed %q, want %q", got, test.want)
			}
			if test.errno == 0 && err != nil {
				t.Errorf("%v", err)
			} else if test.errno != 0 {
				ufstest.WantErrno(t, err, test.errno)
			}
		})
	}
}

func links(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<a href="e%d">e%d</a>`, i, i)
	}
	return b.String()
}

// closing sends a page whose end is the end of the connection.
func closing(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n%s", body)
	}
}

// What a listing left out is said once, aloud.
func TestDroppedLinksAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	opt := impatient()
	opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	u := serve(t, page(`<title>Index of</title><a href="http://evil/x">x</a><a href="../../etc">y</a></html>`), opt)
	for range 3 {
		if all, err := ufstest.Collect(t.Context(), u, ""); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
	}
	if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), "links=2") {
		t.Errorf("logged: %s", log.String())
	}
}

// A listing that its caller cancels halfway ends with an error, not as if it were complete.
func TestListCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	u := serve(t, listed(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}), impatient())
	_, err := ufstest.Collect(ctx, u, "")
	ufstest.WantErrno(t, err, syscall.ECANCELED)
}
