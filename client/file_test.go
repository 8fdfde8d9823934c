package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

type readStream = grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]

// mustRead reads a range, and compares it with what it should be.
func mustRead(t *testing.T, x *File, data []byte, off, n int64) {
	t.Helper()
	p := make([]byte, n)
	got, err := x.ReadAt(t.Context(), p, off)
	want := data[min(off, int64(len(data))):min(off+n, int64(len(data)))]
	if int64(len(want)) < n && err != io.EOF || int64(len(want)) == n && err != nil || !bytes.Equal(p[:got], want) {
		t.Fatalf("read %d+%d: %d bytes, %v", off, n, got, err)
	}
}

// Reads of all kinds give the bytes of the file.
func TestReadAt(t *testing.T) {
	p := newPlay(t, 1, 2)
	p.lead(0)
	for _, ahead := range []int64{0, -1} {
		data, x := p.file(p.client(func(c *Config) { c.ReadAhead = ahead }), 5<<20+13)
		size := int64(len(data))
		for off := int64(0); off < 3<<20; off += 100_000 { // in order
			mustRead(t, x, data, off, 100_000)
		}
		for off := int64(5 << 20); off > 3<<20; off -= 100_000 { // backwards
			mustRead(t, x, data, off, 100_000)
		}
		for range 50 { // here and there
			mustRead(t, x, data, rand.Int64N(size), rand.Int64N(100_000))
		}
		mustRead(t, x, data, 0, size)            // all at once
		mustRead(t, x, data, 0, size+1)          // and more
		mustRead(t, x, data, 4<<20-5, 10)        // over a block's end
		mustRead(t, x, data, size-1, 1)          // the last byte
		mustRead(t, x, data, size, 1)            // behind it
		mustRead(t, x, data, math.MaxInt64-1, 1) // far behind it
		mustRead(t, x, data, 7, 0)
		if _, err := x.ReadAt(t.Context(), make([]byte, 1), -1); errnoOf(err) != syscall.EINVAL {
			t.Error(err)
		}
	}
	_, empty := p.file(p.client(), 0)
	mustRead(t, empty, nil, 0, 10)
}

// Several threads on one handle, and several handles.
func TestManyReaders(t *testing.T) {
	p := newPlay(t, 1, 2)
	p.lead(0)
	f := p.client()
	data, x := p.file(f, 12<<20)
	y := f.OpenInfo(x.Info())
	defer y.Close()
	var group sync.WaitGroup
	for i := range int64(6) {
		group.Go(func() {
			for off := i * 2 << 20; off < (i+1)*2<<20; off += 128 << 10 {
				buf := make([]byte, 128<<10)
				for _, h := range []*File{x, y} {
					if n, err := h.ReadAt(t.Context(), buf, off); n != len(buf) || err != nil || !bytes.Equal(buf, data[off:off+128<<10]) {
						t.Errorf("%d: %d bytes, %v", off, n, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

// What a worker is asked for: a first look at a file costs a page, reads here and there what they ask for, and who
// reads in order has the worker told.
func TestWhatIsAsked(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	data, x := p.file(p.client(), 64<<20)
	w := p.workers[0]
	mustRead(t, x, data, 0, 4096)
	mustRead(t, x, data, 30<<20, 64<<10)
	w.set(func(w *prompter) {
		if got := strings.Join(w.mu.reads, " "); got != "0+1048576 31457280+65536" {
			t.Errorf("asked for %s", got)
		}
		for _, r := range w.mu.asked {
			if !r.GetPositionShort() || r.GetPrefetchWindow() != 0 {
				t.Errorf("asked %v", r)
			}
		}
		w.mu.asked, w.mu.reads = nil, nil
	})
	for off := int64(4096); off < 8<<20; off += 128 << 10 {
		mustRead(t, x, data, off, 128<<10)
	}
	eventually(t, "pages far ahead are fetched", func() bool { return pagesAsked(w) >= 16 })
	w.set(func(w *prompter) {
		seen := make(map[int64]bool)
		for _, r := range w.mu.asked {
			at := (r.GetBlockId()&blockMask)*playBlock + r.GetOffset()
			if r.GetPositionShort() || r.GetPrefetchWindow() == 0 || at%pageSize != 0 || r.GetLength()%pageSize != 0 || r.GetLength() > 16/stretchShare*pageSize {
				t.Errorf("asked %v", r)
			}
			for end := at + r.GetLength(); at < end; at += pageSize {
				if seen[at] {
					t.Errorf("asked twice for %d", at)
				}
				seen[at] = true
			}
		}
	})
	_, y := p.file(p.client(func(c *Config) { c.NoCache = true }), 1000)
	if _, err := y.ReadAt(t.Context(), make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	w.set(func(w *prompter) {
		if !slices.ContainsFunc(w.mu.asked, func(r *pb.ReadRequest) bool { return r.GetOpenUfsBlockOptions().GetNoCache() }) {
			t.Error("the worker is not told that nothing is to be kept")
		}
	})
}

// Ways in which a worker fails its reader, who goes on at the byte where it was with another.
func TestNextWorker(t *testing.T) {
	half := func(req *pb.ReadRequest, data []byte) []byte { // the first half of what was asked for
		off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
		return data[off : off+req.GetLength()/2]
	}
	for _, c := range []struct {
		name, next string
		fail       func(w *prompter, net *wire.Memory) func(*pb.ReadRequest, readStream) error
	}{
		{"the link breaks", "1048576+1048576", func(_ *prompter, net *wire.Memory) func(*pb.ReadRequest, readStream) error {
			return func(_ *pb.ReadRequest, s readStream) error {
				net.Cut("client", "w0")
				<-s.Context().Done()
				return nil
			}
		}},
		{"it ends early and calls that success", "1572864+524288", func(w *prompter, _ *wire.Memory) func(*pb.ReadRequest, readStream) error {
			return func(req *pb.ReadRequest, s readStream) error { return say(s, half(req, w.mu.data)) }
		}},
		{"it is stopping", "1572864+524288", func(w *prompter, _ *wire.Memory) func(*pb.ReadRequest, readStream) error {
			return func(req *pb.ReadRequest, s readStream) error {
				say(s, half(req, w.mu.data))
				return &fs.PathError{Op: "read", Path: "this worker", Err: syscall.EAGAIN}
			}
		}},
		{"it cannot ask the masters", "1048576+1048576", func(w *prompter, _ *wire.Memory) func(*pb.ReadRequest, readStream) error {
			return func(*pb.ReadRequest, readStream) error {
				return &fs.PathError{Op: "read", Path: "masters", Err: syscall.ETIMEDOUT}
			}
		}},
		{"it falls silent", "1572864+524288", func(w *prompter, _ *wire.Memory) func(*pb.ReadRequest, readStream) error {
			return func(req *pb.ReadRequest, s readStream) error {
				say(s, half(req, w.mu.data))
				<-s.Context().Done()
				return nil
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(t, 1, 2)
			p.lead(0)
			data, x := p.file(p.client(func(c *Config) { c.StreamTimeout = time.Second }), 8<<20)
			p.workers[0].set(func(w *prompter) { w.mu.do = c.fail(w, p.net) })
			mustRead(t, x, data, 1<<20, 1<<20)
			if got := p.workers[1].did(); len(got) != 1 || got[0] != c.next {
				t.Errorf("the next was asked for %v", got)
			}
		})
	}
}

// A slow worker that says it is well is waited for.
func TestSlowWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 1, 2)
		p.lead(0)
		data, x := p.file(p.client(func(c *Config) { c.StreamTimeout = 10 * time.Second }), 1<<20)
		p.workers[0].set(func(w *prompter) {
			w.mu.do = func(_ *pb.ReadRequest, s readStream) error {
				for range 5 {
					time.Sleep(8 * time.Second)
					s.Send(&pb.ReadResponse{})
				}
				return say(s, data[1000:2000])
			}
		})
		mustRead(t, x, data, 1000, 1000)
		if got := p.workers[1].did(); len(got) > 0 {
			t.Errorf("the other was asked for %v", got)
		}
	})
}

// Workers that are gone, that say too much, and no worker at all.
func TestNoWorker(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	_, x := p.file(p.client(func(c *Config) { c.ReadRetryFor = 50 * time.Millisecond }), 1<<20)
	p.workers[0].set(func(w *prompter) {
		w.mu.do = func(_ *pb.ReadRequest, s readStream) error { return say(s, make([]byte, 1<<20)) }
	})
	_, err := x.ReadAt(t.Context(), make([]byte, 10), 1000)
	if errnoOf(err) != syscall.EIO || !strings.Contains(err.Error(), "no available GooseFS worker found to read /f: the worker sent more than was asked for") {
		t.Error(err)
	}
	p.net.Cut("client", "w0")
	_, err = x.ReadAt(t.Context(), make([]byte, 10), 1000)
	if errnoOf(err) != syscall.EIO || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	p.workers = nil
	f := p.client(func(c *Config) { c.ReadRetryFor = 50 * time.Millisecond })
	_, x = p.file(f, 1<<20)
	_, err = x.ReadAt(t.Context(), make([]byte, 10), 0)
	if errnoOf(err) != syscall.EIO || !strings.Contains(err.Error(), "none is registered") {
		t.Error(err)
	}
	if err := f.Load(t.Context(), x.Info(), nil); err == nil || !strings.Contains(err.Error(), "found to load /f") {
		t.Error(err)
	}
}

// A page that failed is asked for anew by the next read.
func TestPageFails(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	data, x := p.file(p.client(), 8<<20)
	w := p.workers[0]
	w.set(func(w *prompter) {
		w.mu.do = func(*pb.ReadRequest, readStream) error {
			return &fs.PathError{Op: "read", Path: "http://source/f", Err: syscall.EIO}
		}
	})
	for range 3 {
		if _, err := x.ReadAt(t.Context(), make([]byte, 100), 0); errnoOf(err) != syscall.EIO {
			t.Fatal(err)
		}
	}
	w.set(func(w *prompter) { w.mu.do = nil })
	mustRead(t, x, data, 0, 3<<20)
}

// When a version is gone, the masters are made to look again: once for a handle, in the background.
func TestStaleVersion(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	_, x := p.file(p.client(), 1<<20)
	p.workers[0].set(func(w *prompter) {
		w.mu.do = func(*pb.ReadRequest, readStream) error {
			return &fs.PathError{Op: "read", Path: "/f", Err: syscall.ESTALE}
		}
	})
	for range 5 {
		if _, err := x.ReadAt(t.Context(), make([]byte, 10), 1000); errnoOf(err) != syscall.ESTALE {
			t.Fatal(err)
		}
	}
	m := p.masters[0]
	eventually(t, "the masters look again", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.mu.synced == 1
	})
	if n := len(m.did()); n != 1 {
		t.Errorf("the master was called %d times", n)
	}
}

// Close ends reads that run, on pages and direct, and those that follow.
func TestCloseDuringReads(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	_, x := p.file(p.client(), 8<<20)
	w := p.workers[0]
	w.set(func(w *prompter) {
		w.mu.do = func(_ *pb.ReadRequest, s readStream) error {
			<-s.Context().Done()
			return nil
		}
	})
	ended := make(chan error, 2)
	for _, off := range []int64{0, 3 << 20} {
		go func() {
			_, err := x.ReadAt(context.Background(), make([]byte, 10), off)
			ended <- err
		}()
	}
	eventually(t, "both are under way", func() bool { return len(w.did()) == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.ReadAt(ctx, make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	x.Close()
	for range 2 {
		if err := <-ended; errnoOf(err) != syscall.EBADF {
			t.Errorf("running: %v", err)
		}
	}
	if _, err := x.ReadAt(t.Context(), make([]byte, 10), 0); errnoOf(err) != syscall.EBADF {
		t.Errorf("after: %v", err)
	}
	x.Close() // again: nothing happens
}

// Who reads elsewhere has what is fetched ahead given up, but not what others wait for.
func TestSeek(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	data, x := p.file(p.client(), 96<<20)
	w := p.workers[0]
	for off := int64(0); off < 8<<20; off += 1 << 20 {
		mustRead(t, x, data, off, 1<<20)
	}
	eventually(t, "all pages are here", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, pg := range x.mu.pages {
			select {
			case <-pg.done:
			default:
				return false
			}
		}
		return true
	})
	given := make(chan struct{}, 100)
	goOn := make(chan struct{})
	w.set(func(w *prompter) {
		w.mu.do = func(req *pb.ReadRequest, s readStream) error {
			off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
			select {
			case <-goOn:
			case <-s.Context().Done():
				given <- struct{}{}
				return nil
			}
			return say(s, data[off:off+req.GetLength()])
		}
	})
	late := make(chan error, 1)
	before := len(w.did())
	go func() { // waits for a page that is not here yet
		buf := make([]byte, 20<<20)
		n, err := x.ReadAt(context.Background(), buf[:4<<20], 24<<20)
		if err == nil && !bytes.Equal(buf[:n], data[24<<20:28<<20]) {
			err = errors.New("wrong bytes")
		}
		late <- err
	}()
	eventually(t, "more is fetched", func() bool { return len(w.did()) > before })
	for i := range int64(2 * runsKept) { // the other runs are forgotten
		go x.ReadAt(t.Context(), make([]byte, 1), 40<<20+i*6<<20)
	}
	eventually(t, "the window is forgotten", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.mu.pages) == 0
	})
	close(goOn)
	if err := <-late; err != nil {
		t.Error(err)
	}
	x.Close()
}

// Loading asks the workers for every piece, tells progress, and passes over those that fail.
func TestLoad(t *testing.T) {
	p := newPlay(t, 1, 2)
	p.lead(0)
	f := p.client()
	_, x := p.file(f, 9<<20)
	var mu sync.Mutex
	var total int64
	progress := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		total += n
	}
	p.workers[0].set(func(w *prompter) {
		w.mu.load = func(*pb.SyncCacheRequest) error {
			return &fs.PathError{Op: "cache", Path: "w0", Err: syscall.EAGAIN}
		}
	})
	if err := f.Load(t.Context(), x.Info(), progress); err != nil || total != 9<<20 {
		t.Fatalf("%d bytes, %v", total, err)
	}
	if got := p.workers[1].did(); len(got) != 3 {
		t.Errorf("loads %v", got)
	}
	p.workers[1].set(func(w *prompter) {
		w.mu.load = func(*pb.SyncCacheRequest) error {
			return &fs.PathError{Op: "read", Path: "http://source/f", Err: syscall.EIO}
		}
	})
	if err := f.Load(t.Context(), x.Info(), nil); errnoOf(err) != syscall.EIO {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Load(ctx, x.Info(), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Whom a read asks, in order.
func TestCandidates(t *testing.T) {
	p := newPlay(t, 1, 3)
	p.lead(0)
	f := p.client(func(c *Config) { c.Host = "w2" })
	named := []Location{{Host: "w1", Port: 9203, Tier: "SSD"}, {Host: "w0", Port: 9203}, {Host: "w2", Port: 9203, Tier: "SSD"}}
	order := func(named []Location) string {
		var hosts []string
		for l := range f.workers.candidates(t.Context(), named) {
			hosts = append(hosts, l.Host)
		}
		return strings.Join(hosts, " ")
	}
	if got := order(named); got != "w2 w1 w0" {
		t.Errorf("a block that is here: %s", got)
	}
	named[2].Tier = ""
	if got := order(named); got != "w1 w0 w2" {
		t.Errorf("one that is not: %s", got)
	}
	if got := order(named[1:2]); got != "w0 w1 w2" {
		t.Errorf("one whose owner alone is named: %s", got)
	}
	f.workers.avoid(named[1])
	if got := order(named); got != "w1 w2 w0" {
		t.Errorf("a worker that failed: %s", got)
	}
	asked := len(p.masters[0].did())
	for range f.workers.candidates(t.Context(), named) {
		break
	}
	if n := len(p.masters[0].did()); n != asked {
		t.Error("the masters were asked though a named worker would do")
	}
	p.masters[0].stop()
	f.workers.avoid(named[0])
	if got := order(nil); got != "w2 w1 w0" && got != "w2 w0 w1" {
		t.Errorf("without masters, what was known: %s", got)
	}
}
