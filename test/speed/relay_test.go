package speed

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// far is how a server answers that is not on this host.
type far struct {
	late time.Duration // each request gets there so much later
	pace int64         // bytes a second that a connection brings; 0: as many as there are
}

// relay is a server before another that answers like one that is far. It costs next to no processor time, which is what
// clients and servers here lack: unless it is paced, the kernel moves the bytes.
func relay(t testing.TB, to string, f far) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	target := strings.TrimSuffix(strings.TrimPrefix(to, "http://"), "/")
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go f.connect(client, target)
		}
	}()
	return fmt.Sprintf("http://%s/", l.Addr())
}

// connect gives a client a connection to the target of its own, until either side ends it.
func (f far) connect(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		defer server.Close()
		f.answers(client, server)
	}()
	requests := bufio.NewReader(client)
	for {
		r, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		time.Sleep(f.late)
		if r.Write(server) != nil {
			return
		}
	}
}

// answers brings what the server says.
func (f far) answers(client io.Writer, server io.Reader) {
	if f.pace == 0 {
		io.Copy(client, server)
		return
	}
	due := time.Now()
	for buf := make([]byte, 256<<10); ; {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if now := time.Now(); due.Before(now) {
			due = now
		}
		due = due.Add(time.Duration(n) * time.Second / time.Duration(f.pace))
		time.Sleep(time.Until(due))
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A relay adds its delay to each request of a connection, and brings no more bytes than its pace allows.
func TestRelay(t *testing.T) {
	t.Parallel()
	const size, late, pace = 1 << 20, 20 * time.Millisecond, 8 << 20
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, size))
	}))
	defer origin.Close()
	for _, f := range []far{{late: late}, {late: late, pace: pace}} {
		url := relay(t, origin.URL+"/", f)
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for range 3 {
			began := time.Now()
			answer, err := client.Get(url + "x")
			must(t, err)
			n, err := io.Copy(io.Discard, answer.Body)
			must(t, err)
			answer.Body.Close()
			least := late
			if f.pace > 0 {
				least += size * time.Second / pace
			}
			if took := time.Since(began); n != size || took < least {
				t.Errorf("%+v: %d bytes came after %v, want %d after %v", f, n, took, size, least)
			}
		}
	}
}
