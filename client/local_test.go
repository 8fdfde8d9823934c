package client

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

// lender is a worker's socket on this host. It says what the test tells it to say.
type lender struct {
	path  string
	dir   string
	once  bool       // it hangs up after each answer
	files []*os.File // of the test, until the end

	mu struct {
		sync.Mutex
		asked  []string
		answer func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File)
	}
}

func newLender(t *testing.T) *lender {
	l := &lender{dir: t.TempDir()}
	l.path = filepath.Join(l.dir, "socket")
	on, err := wire.ListenHandouts(l.path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	over, end := context.WithCancel(context.Background())
	t.Cleanup(func() {
		on.Close()
		end()
		wg.Wait()
		for _, f := range l.files {
			f.Close()
		}
	})
	wg.Go(func() {
		for {
			conn, err := on.AcceptUnix()
			if err != nil {
				return
			}
			wg.Go(func() { l.serve(over, conn) })
		}
	})
	return l
}

func (l *lender) serve(over context.Context, conn *net.UnixConn) {
	defer context.AfterFunc(over, func() { conn.Close() })()
	defer conn.Close()
	for {
		var req clusterpb.HandoutRequest
		if _, err := wire.ReceivePacket(conn, &req); err != nil {
			return
		}
		l.mu.Lock()
		l.mu.asked = append(l.mu.asked, fmt.Sprintf("%d+%d %d", req.GetOffset(), req.GetLength(), req.GetLent()))
		answer := l.mu.answer
		l.mu.Unlock()
		reply, f := answer(&req)
		if reply == nil {
			return
		}
		if wire.SendPacket(conn, reply, f) != nil || l.once {
			return
		}
	}
}

// says sets what is answered; nil ends the connection.
func (l *lender) says(answer func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.answer = answer
}

func (l *lender) did() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.mu.asked...)
}

// file is a cache file that holds data.
func (l *lender) file(t *testing.T, name string, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	l.files = append(l.files, f)
	return f
}

// lentFile is a file of which a worker on this host lends what it has.
func lentFile(t *testing.T, size int64) (p *play, l *lender, data []byte, x *File) {
	p = newPlay(t, 1, 1)
	p.lead(0)
	f := p.client()
	l = newLender(t)
	data, x = p.file(f, size)
	x.info.Blocks[0].Locations[0].Socket = l.path
	return p, l, data, x
}

func wantRead(t *testing.T, x *File, data []byte, off, n int64) {
	t.Helper()
	got := make([]byte, n)
	if _, err := x.ReadAt(context.Background(), got, off); err != nil || !bytes.Equal(got, data[off:off+n]) {
		t.Errorf("%d bytes from %d on: %v", n, off, err)
	}
}

// What is ready is read without a question, and no stream is opened.
func TestReadsWhatIsLent(t *testing.T) {
	p, l, data, x := lentFile(t, 6<<20)
	file := l.file(t, "one", data)
	later := true // guarded by there being one question at a time
	l.says(func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		if later = !later; !later {
			return &clusterpb.HandoutReply{Later: true}, nil
		}
		reply := &clusterpb.HandoutReply{Ready: min(1<<20, 6<<20-req.GetOffset()), Lent: 7, Here: req.GetLent() != 7}
		if reply.Here {
			return reply, file
		}
		return reply, nil
	})
	for off := int64(0); off < 6<<20; off += 256 << 10 {
		wantRead(t, x, data, off, 256<<10)
	}
	wantRead(t, x, data, 5<<20+1, 77)
	if asked := l.did(); len(asked) != 12 || asked[0] != "0+262144 0" || asked[3] != fmt.Sprintf("%d+262144 7", 1<<20) {
		t.Errorf("asked %d times: %v", len(asked), asked)
	}
	if reads := p.workers[0].did(); len(reads) != 0 {
		t.Errorf("streams were opened: %v", reads)
	}
}

// Where a worker will not lend, lies, or is not there, streams give the bytes, and it is left alone for a while.
func TestStreamsWhereNothingIsLent(t *testing.T) {
	for what, answer := range map[string]func(t *testing.T, l *lender, data []byte) (*clusterpb.HandoutReply, *os.File){
		"refused": func(*testing.T, *lender, []byte) (*clusterpb.HandoutReply, *os.File) {
			return &clusterpb.HandoutReply{Refused: "no"}, nil
		},
		"foreign": func(*testing.T, *lender, []byte) (*clusterpb.HandoutReply, *os.File) {
			return &clusterpb.HandoutReply{Foreign: true, Refused: "no"}, nil
		},
		"nothing said": func(*testing.T, *lender, []byte) (*clusterpb.HandoutReply, *os.File) {
			return &clusterpb.HandoutReply{}, nil
		},
		"hangs up": func(*testing.T, *lender, []byte) (*clusterpb.HandoutReply, *os.File) { return nil, nil },
		"no file": func(*testing.T, *lender, []byte) (*clusterpb.HandoutReply, *os.File) {
			return &clusterpb.HandoutReply{Here: true, Ready: 5, Lent: 1}, nil
		},
		"wrong length": func(t *testing.T, l *lender, data []byte) (*clusterpb.HandoutReply, *os.File) {
			return &clusterpb.HandoutReply{Here: true, Ready: 4096, Lent: 1}, l.file(t, "short", data[:4096])
		},
	} {
		t.Run(what, func(t *testing.T) {
			p, l, data, x := lentFile(t, 2<<20)
			l.says(func(*clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) { return answer(t, l, data) })
			wantRead(t, x, data, 0, 4096)
			wantRead(t, x, data, 1<<20, 4096)
			if len(l.did()) != 1 || len(p.workers[0].did()) == 0 {
				t.Errorf("asked %v, streams %v", l.did(), p.workers[0].did())
			}
		})
	}
	p, l, data, x := lentFile(t, 2<<20)
	x.info.Blocks[0].Locations[0].Socket = l.path + "-of-another-host"
	wantRead(t, x, data, 0, 2<<20)
	if len(p.workers[0].did()) == 0 {
		t.Error("who gave the bytes?")
	}
}

// A cache file that gets shorter under the reader costs it nothing but the descriptor.
func TestALentFileIsCutOff(t *testing.T) {
	p, l, data, x := lentFile(t, 2<<20)
	file := l.file(t, "one", data)
	l.says(func(*clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		return &clusterpb.HandoutReply{Here: true, Ready: 2 << 20, Lent: 1}, file
	})
	wantRead(t, x, data, 0, 4096)
	if err := os.Truncate(file.Name(), 1<<20); err != nil {
		t.Fatal(err)
	}
	wantRead(t, x, data, 1<<20-100, 200)
	if len(p.workers[0].did()) == 0 || len(x.local.mu.lent) != 0 {
		t.Errorf("the file is trusted still; streams %v", p.workers[0].did())
	}
}

// The worker dropped the file and lends another one: both are right, and the first is closed.
func TestTheNextLentFile(t *testing.T) {
	_, l, data, x := lentFile(t, 2<<20)
	one, two := l.file(t, "one", append(bytes.Clone(data[:1<<20]), make([]byte, 1<<20)...)), l.file(t, "two", append(make([]byte, 1<<20), data[1<<20:]...))
	l.says(func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		if req.GetOffset() < 1<<20 {
			return &clusterpb.HandoutReply{Here: true, Ready: 1<<20 - req.GetOffset(), Lent: 1}, one
		}
		return &clusterpb.HandoutReply{Here: true, Ready: 2<<20 - req.GetOffset(), Lent: 2}, two
	})
	wantRead(t, x, data, 5, 1000)
	first := x.local.mu.lent["w0:9203"].f
	wantRead(t, x, data, 1<<20, 1000)
	wantRead(t, x, data, 1<<20-10, 20)
	if err := first.Close(); err == nil {
		t.Error("the first was left open")
	}
	if len(l.did()) != 4 {
		t.Errorf("asked %v", l.did())
	}
}

// Close gives descriptors back, also while somebody reads, and a silent worker holds no reader for ever.
func TestCloseGivesBack(t *testing.T) {
	_, l, data, x := lentFile(t, 4<<20)
	file := l.file(t, "one", data)
	l.says(func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		return &clusterpb.HandoutReply{Here: req.GetLent() == 0, Ready: 4<<20 - req.GetOffset(), Lent: 1}, map[bool]*os.File{true: file}[req.GetLent() == 0]
	})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for off := int64(0); off < 4<<20; off += 4096 {
				got := make([]byte, 4096)
				if _, err := x.ReadAt(context.Background(), got, off); err != nil {
					if !strings.Contains(err.Error(), "bad file descriptor") {
						t.Error(err)
					}
					return
				}
				if !bytes.Equal(got, data[off:off+4096]) {
					t.Errorf("wrong bytes at %d", off)
				}
			}
		})
	}
	eventually(t, "they read", func() bool { return len(l.did()) > 0 })
	x.Close()
	readers.Wait()
	if len(x.local.mu.lent) != 0 {
		t.Error("a descriptor is left")
	}
}

// Extents agree with a set of bytes, whatever is added in which order.
func TestExtents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var e extents
		var have [200]bool
		for range 30 {
			off := r.Int64N(199)
			end := off + 1 + r.Int64N(min(20, 200-off))
			e = e.with(off, end)
			for i := off; i < end; i++ {
				have[i] = true
			}
			for i := range have {
				want := int64(0)
				for i+int(want) < len(have) && have[i+int(want)] {
					want++
				}
				if got := e.from(int64(i)); got != want {
					t.Fatalf("%v: from %d on there are %d, not %d", e, i, got, want)
				}
			}
		}
	}
	var e extents
	for i := range int64(extentsMax + 10) {
		e = e.with(2*i, 2*i+1)
	}
	if len(e) > extentsMax || e.from(2*(extentsMax+9)) != 1 {
		t.Errorf("%d extents are kept", len(e))
	}
}

// A worker whose source is silent does not keep the reader from the stream that will say so.
func TestBytesThatDoNotCome(t *testing.T) {
	p, l, data, x := lentFile(t, 2<<20)
	l.says(func(*clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		time.Sleep(localLater / 4)
		return &clusterpb.HandoutReply{Later: true}, nil
	})
	wantRead(t, x, data, 0, 4096)
	if n := len(l.did()); n < 2 || len(p.workers[0].did()) == 0 {
		t.Errorf("asked %d times, streams %v", n, p.workers[0].did())
	}
}

// A worker closes connections that are idle for long, and all of them when it ends. That costs nobody a stream.
func TestTheWorkerHungUp(t *testing.T) {
	p, l, data, x := lentFile(t, 2<<20)
	l.once = true
	file := l.file(t, "one", data)
	l.says(func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		return &clusterpb.HandoutReply{Here: true, Ready: 4096, Lent: uint64(1 + req.GetOffset())}, file
	})
	for off := int64(0); off < 10*4096; off += 4096 {
		wantRead(t, x, data, off, 4096)
	}
	if asked, reads := l.did(), p.workers[0].did(); len(asked) != 10 || len(reads) != 0 {
		t.Errorf("asked %v, streams %v", asked, reads)
	}
}

// Several ask at the same time: what all were told is known, in one descriptor.
func TestManyAskAtOnce(t *testing.T) {
	p, l, data, x := lentFile(t, 2<<20)
	file := l.file(t, "one", data)
	var all sync.WaitGroup
	all.Add(4)
	l.says(func(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
		if len(l.did()) <= 4 {
			all.Done()
			all.Wait()
		}
		return &clusterpb.HandoutReply{Here: true, Ready: 4096, Lent: 1}, file
	})
	var readers sync.WaitGroup
	for i := range int64(4) {
		readers.Go(func() { wantRead(t, x, data, i*100_000, 4096) })
	}
	readers.Wait()
	for i := range int64(4) {
		wantRead(t, x, data, i*100_000, 4096)
	}
	if asked, reads := l.did(), p.workers[0].did(); len(asked) != 4 || len(reads) != 0 {
		t.Errorf("asked %v, streams %v", asked, reads)
	}
}
