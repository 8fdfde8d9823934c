package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/mem"
)

// The stories of this file are told of a whole cluster: three masters, three workers, and a source in memory.

// source counts what is asked of it.
type source struct {
	*mem.UFS
	opens, bytes atomic.Int64
	slow         atomic.Int64 // nanoseconds before each 256 KiB
}

func (s *source) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	s.opens.Add(1)
	s.bytes.Add(n)
	r, err := s.UFS.Open(ctx, name, v, off, n)
	if err != nil {
		return nil, err
	}
	return &body{r, s}, nil
}

type body struct {
	io.ReadCloser
	s *source
}

func (b *body) Read(p []byte) (int, error) {
	if d := b.s.slow.Load(); d > 0 {
		time.Sleep(time.Duration(d))
		p = p[:min(len(p), 256<<10)]
	}
	return b.ReadCloser.Read(p)
}

func (*body) Proven() bool { return true }

// certain are bytes that say where they belong: every 16 are the version and the offset.
func certain(version, size int64) []byte {
	data := make([]byte, (size+15)/16*16)
	for off := int64(0); off < size; off += 16 {
		binary.BigEndian.PutUint64(data[off:], uint64(version))
		binary.BigEndian.PutUint64(data[off+8:], uint64(off))
	}
	return data[:size]
}

func start(t *testing.T, o rolestest.Options) (*rolestest.Cluster, *source) {
	t.Helper()
	s := &source{UFS: mem.New()}
	o.OpenUFS = func(string, map[string]string) (ufs.UFS, string, error) { return s, "mem", nil }
	if o.BlockSize == 0 {
		o.BlockSize = 4 << 20
	}
	if o.StripeSize == 0 {
		o.StripeSize = 4 << 20 // so that one file is on all workers
	}
	return rolestest.Start(t, o), s
}

func open(t *testing.T, f *client.FS, path string) *client.File {
	t.Helper()
	x, err := f.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// readAll reads the file in order in pieces, and calls between before each.
func readAll(t *testing.T, x *client.File, between func(off int64)) []byte {
	t.Helper()
	data := make([]byte, 0, x.Info().Length)
	for int64(len(data)) < x.Info().Length {
		if between != nil {
			between(int64(len(data)))
		}
		n, err := x.ReadAt(t.Context(), data[len(data):min(cap(data), len(data)+256<<10)], int64(len(data)))
		data = data[:len(data)+n]
		if err != nil && err != io.EOF {
			t.Fatalf("at %d: %v", len(data), err)
		}
	}
	return data
}

// What may happen to a cluster while a file is read, cold, without the reader noticing.
func TestDeathsWhileReading(t *testing.T) {
	const size = 12<<20 + 5
	for name, happen := range map[string]func(c *rolestest.Cluster, nth int) (undo func()){
		"a worker stops and comes back": func(c *rolestest.Cluster, nth int) func() {
			c.StopWorker(nth)
			return func() { c.StartWorker(nth) }
		},
		"a worker is cut off for a while": func(c *rolestest.Cluster, nth int) func() {
			c.Isolate(rolestest.WorkerName(nth))
			return func() { c.Join(rolestest.WorkerName(nth)) }
		},
		"the leader is cut off for a while": func(c *rolestest.Cluster, _ int) func() {
			leader := rolestest.MasterName(c.Leader())
			c.Isolate(leader)
			return func() { c.Join(leader) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := start(t, rolestest.Options{})
			data := certain(1, size)
			s.Put("f", data)
			s.slow.Store(int64(2 * time.Millisecond))
			x := open(t, c.Client(), "/f")
			undo, deaths := func() {}, 0
			got := readAll(t, x, func(off int64) {
				if deaths < 3 && off >= int64(deaths+1)*3<<20 {
					undo()
					undo = happen(c, deaths)
					deaths++
				}
			})
			if !bytes.Equal(got, data) || deaths != 3 {
				t.Errorf("%d bytes, some of them wrong, %d deaths", len(got), deaths)
			}
			undo()
		})
	}
}

// A leader that stops while a file is read, and its successor too; then what is cached is read without any master.
func TestWithoutMasters(t *testing.T) {
	c, s := start(t, rolestest.Options{})
	data := certain(1, 12<<20)
	s.Put("f", data)
	x := open(t, c.Client(), "/f")
	stopped := false
	if got := readAll(t, x, func(off int64) {
		if off > 5<<20 && !stopped {
			c.StopMaster(c.Leader())
			stopped = true
		}
	}); !bytes.Equal(got, data) {
		t.Fatal("wrong bytes")
	}
	cached := func() bool {
		var n int64
		for _, w := range c.Workers {
			n += w.Used()
		}
		return n >= 12<<20
	}
	for end := time.Now().Add(10 * time.Second); !cached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not cached")
		}
	}
	info := x.Info()
	for i := range c.Masters {
		c.StopMaster(i)
	}
	c.StopWorker(1)
	c.StartWorker(1)
	opens := s.opens.Load()
	for _, f := range []*client.FS{c.Client(), c.Client()} {
		y := f.OpenInfo(info) // as a mount does that knows the file
		began := time.Now()
		if got := readAll(t, y, nil); !bytes.Equal(got, data) {
			t.Error("wrong bytes")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		y.Close()
	}
	if s.opens.Load() != opens {
		t.Error("the source was asked")
	}
}

// A file that changes under an open handle: its bytes are those of one version, or ESTALE; and soon whoever opens it
// gets the new one, though metadata is otherwise believed for ever.
func TestChanges(t *testing.T) {
	c, s := start(t, rolestest.Options{})
	f := c.Client()
	var info client.Info
	s.Put("f", certain(1, 10<<20+1))
	for version := int64(1); version <= 4; version++ {
		data := certain(version, 10<<20+version)
		var x *client.File
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			x = open(t, f, "/f")
			if x.Info().Length == int64(len(data)) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("version %d is never seen", version)
			}
		}
		if x.Info().ID == info.ID {
			t.Fatal("another version has the same id")
		}
		info = x.Info()
		part := make([]byte, 1<<20)
		if _, err := x.ReadAt(t.Context(), part, 4<<20); err != nil || !bytes.Equal(part, data[4<<20:5<<20]) {
			t.Fatal(err)
		}
		s.Put("f", certain(version+1, 10<<20+version+1))
		if _, err := x.ReadAt(t.Context(), part, 8<<20); errnoOf(err) != syscall.ESTALE {
			t.Fatalf("bytes of a version that is gone: %v", err)
		}
	}
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}

// A hundred clients read one cold file at once: the source gives every byte once.
func TestHerd(t *testing.T) {
	const size = 3 << 18
	c, s := start(t, rolestest.Options{BlockSize: 1 << 18, StripeSize: 1 << 18})
	data := certain(1, size)
	s.Put("f", data)
	s.slow.Store(int64(time.Millisecond))
	f := c.Client()
	info, err := f.Stat(t.Context(), "/f", client.StatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			x := f.OpenInfo(info)
			defer x.Close()
			buf := make([]byte, 64<<10)
			for off := int64(0); off < size; off += 64 << 10 {
				if n, err := x.ReadAt(t.Context(), buf, off); err != nil || !bytes.Equal(buf[:n], data[off:off+64<<10]) {
					t.Errorf("%d: %v", off, err)
					return
				}
			}
		})
	}
	group.Wait()
	if n := s.bytes.Load(); n != size {
		t.Errorf("the source gave %d bytes for %d", n, size)
	}
}

// A dataset several times as large as the cache is read once: every byte is right, no tier is ever above its quota, and
// the source gives little more than what is read.
func TestLargerThanTheCache(t *testing.T) {
	const quota = 8 << 20
	c, s := start(t, rolestest.Options{Quota: quota, High: 0.8, Low: 0.7})
	f := c.Client()
	const files, size = 12, 8 << 20
	for i := range int64(files) {
		s.Put(string(rune('a'+i)), certain(i, size))
	}
	for i := range int64(files) {
		x := open(t, f, "/"+string(rune('a'+i)))
		if got := readAll(t, x, func(int64) {
			for _, w := range c.Workers {
				if used := w.Used(); used > quota {
					t.Fatalf("%d of %d bytes are used", used, quota)
				}
			}
		}); !bytes.Equal(got, certain(i, size)) {
			t.Fatal("wrong bytes")
		}
		x.Close()
	}
	if n := s.bytes.Load(); n > files*size*11/10 {
		t.Errorf("the source gave %d bytes for %d", n, files*size)
	}
}

// Right after a load, every byte is said to be cached.
func TestLoadIsSeenAtOnce(t *testing.T) {
	c, s := start(t, rolestest.Options{})
	f := c.Client()
	for i := range int64(5) {
		name := string(rune('a' + i))
		s.Put(name, certain(i, 9<<20))
		info, err := f.Stat(t.Context(), "/"+name, client.StatOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Load(t.Context(), info, nil); err != nil {
			t.Fatal(err)
		}
		if info, err = f.Stat(t.Context(), "/"+name, client.StatOptions{}); err != nil || info.Percent != 100 {
			t.Errorf("%d %% of it are cached, %v", info.Percent, err)
		}
	}
}
