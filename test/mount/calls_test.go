package mount

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"goosefs/client"
	"goosefs/fuse"
	"goosefs/roles/rolestest"
	"goosefs/wire"

	"golang.org/x/sys/unix"
)

// counted is a network on which calls to some addresses are counted.
type counted struct {
	wire.Network
	to    []string
	calls atomic.Int64
}

func (c *counted) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := c.Network.Dial(ctx, addr)
	if err == nil && slices.Contains(c.to, addr) {
		conn = &countedConn{Conn: conn, calls: &c.calls, skip: len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}
	}
	return conn, err
}

// countedConn counts the frames of HTTP/2 that begin a call.
type countedConn struct {
	net.Conn
	calls *atomic.Int64

	mu     sync.Mutex
	skip   int    // bytes until the next frame's header
	header []byte // as much of it as was written
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.count(b)
	return c.Conn.Write(b)
}

func (c *countedConn) count(b []byte) {
	const headerSize, headersFrame = 9, 1
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) > 0 {
		if n := min(c.skip, len(b)); n > 0 {
			c.skip, b = c.skip-n, b[n:]
			continue
		}
		n := min(headerSize-len(c.header), len(b))
		c.header, b = append(c.header, b[:n]...), b[n:]
		if len(c.header) == headerSize {
			c.skip = int(binary.BigEndian.Uint32(c.header) >> 8)
			if c.header[3] == headersFrame {
				c.calls.Add(1)
			}
			c.header = c.header[:0]
		}
	}
}

// dropPages has the kernel forget what it keeps of a file.
func dropPages(t *testing.T, path string) {
	t.Helper()
	f := open(t, path)
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// Opening and reading a cached small file asks no master if the mount knows its entry, and once at most if not.
func TestReadingACachedFileCallsNoMaster(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	const files = 12
	if err := os.Mkdir(filepath.Join(c.Root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	loader := c.Client()
	for i := range files {
		name := fmt.Sprintf("d/f%d", i)
		write(t, c, name, randomBytes(uint64(i), 100<<10))
		info, err := loader.Stat(t.Context(), "/"+name, client.StatOptions{})
		if err == nil {
			err = loader.Load(t.Context(), info, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []fuse.Options{{}, {NoOpen: true}} {
		t.Run(fmt.Sprintf("no_open=%v", o.NoOpen), func(t *testing.T) {
			masters := &counted{Network: c.Net.Host("client"), to: c.Addresses()}
			f, err := client.New(client.Config{Masters: c.Addresses(), Network: masters, RetryFor: rolestest.Patience})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			dir, m := showAs(t, f, o)
			eventually(t, "invalidations are pushed", func() bool { return m.Stats().Watched })
			read := func(i int) {
				t.Helper()
				readOnce(t, fmt.Sprintf("%s/d/f%d", dir, i), randomBytes(uint64(i), 100<<10))
			}
			read(0) // finds the worker and its cluster, and the directory
			before := masters.calls.Load()
			for i := 1; i < files; i++ {
				read(i)
			}
			if n := masters.calls.Load() - before; n != files-1 {
				t.Errorf("%d files without a valid entry cost %d calls of masters", files-1, n)
			}
			before = masters.calls.Load()
			for i := range files {
				dropPages(t, fmt.Sprintf("%s/d/f%d", dir, i))
				read(i)
			}
			if n := masters.calls.Load() - before; n != 0 {
				t.Errorf("%d files with a valid entry cost %d calls of masters", files, n)
			}
		})
	}

	// A listing is one call, and the entries that it brings do for all that is in it.
	masters := &counted{Network: c.Net.Host("client"), to: c.Addresses()}
	f, err := client.New(client.Config{Masters: c.Addresses(), Network: masters, RetryFor: rolestest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	dir, m := showAs(t, f, fuse.Options{})
	eventually(t, "invalidations are pushed", func() bool { return m.Stats().Watched })
	readOnce(t, dir+"/d/f0", randomBytes(0, 100<<10))
	before := masters.calls.Load()
	names, err := os.ReadDir(dir + "/d")
	if err != nil || len(names) != files {
		t.Fatalf("%d names, %v", len(names), err)
	}
	for i, name := range names {
		n := 0
		if _, err := fmt.Sscanf(strings.TrimPrefix(name.Name(), "f"), "%d", &n); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		readOnce(t, filepath.Join(dir, "d", name.Name()), randomBytes(uint64(n), 100<<10))
	}
	if n := masters.calls.Load() - before; n > 1 {
		t.Errorf("listing %d files and reading them cost %d calls of masters", files, n)
	}
}
