package fuse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"goosefs/client"
)

// diskTree is a memTree some of whose files are on a disk of this host as well.
type diskTree struct {
	*memTree
	disk struct {
		sync.Mutex
		paths map[int64]string // by id
		asked int
	}
}

func newDiskTree() *diskTree {
	t := &diskTree{memTree: newMemTree()}
	t.disk.paths = make(map[int64]string)
	return t
}

func (t *diskTree) OpenInfo(info client.Info) File {
	return &diskFile{&memFile{t.memTree, info}, t}
}

type diskFile struct {
	*memFile
	t *diskTree
}

func (f *diskFile) Direct(context.Context) (*os.File, error) {
	f.t.disk.Lock()
	defer f.t.disk.Unlock()
	f.t.disk.asked++
	if p := f.t.disk.paths[f.info.ID]; p != "" {
		return os.Open(p)
	}
	return nil, errors.New("no worker has it")
}

// keep puts a version on the disk.
func (t *diskTree) keep(tb testing.TB, id int64, data []byte) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), fmt.Sprint(id))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	t.disk.Lock()
	defer t.disk.Unlock()
	t.disk.paths[id] = path
	return path
}

func (t *diskTree) lose(id int64) {
	t.disk.Lock()
	defer t.disk.Unlock()
	delete(t.disk.paths, id)
}

// whole reads an open file from its start.
func whole(t *testing.T, f *os.File) []byte {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		t.Error(err)
	}
	return got
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A file that is on a worker's disk is read from there: no read reaches the mount, nor the tree.
func TestPassthrough(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(3<<20 + 17)
	tree.keep(t, tree.put("/f", data), data)
	small := randomBytes(100_000)
	tree.keep(t, tree.put("/small", small), small)
	dir, m := mounted(t, tree, Options{})
	for range 3 {
		if got := whole(t, openFile(t, dir+"/f")); !bytes.Equal(got, data) {
			t.Fatalf("%d other bytes", len(got))
		}
	}
	if s := m.Stats(); s.Direct != 3 || s.Passed == 0 || s.Reads != 0 || tree.count("read") != 0 {
		t.Errorf("%+v, and %d reads of the tree", s, tree.count("read"))
	}
	if got := whole(t, openFile(t, dir+"/small")); !bytes.Equal(got, small) {
		t.Errorf("%d other bytes", len(got))
	}
	if s := m.Stats(); s.Direct != 3 || tree.count("read") == 0 {
		t.Errorf("a small file is read directly: %+v", s)
	}
}

// Opens of one inode are all read one way: that of those that are open.
func TestMixedOpens(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(2 << 20)
	id := tree.put("/f", data)
	dir, m := mounted(t, tree, Options{})
	check := func(what string, direct int64, files ...*os.File) {
		t.Helper()
		for _, f := range files {
			if !bytes.Equal(whole(t, f), data) {
				t.Errorf("%s: other bytes", what)
			}
		}
		eventually(t, what, func() bool { return m.Stats().Direct == direct })
	}
	closed := func(files ...*os.File) {
		t.Helper()
		for _, f := range files {
			f.Close()
		}
		eventually(t, "nothing is open", func() bool { return m.Stats().Open == 0 })
	}
	a := openFile(t, dir+"/f") // not cached yet
	tree.keep(t, id, data)
	b := openFile(t, dir+"/f") // a is still read through the mount
	check("through the mount", 0, a, b)
	a.Close()
	c := openFile(t, dir+"/f")
	check("b is open still", 0, b, c)
	closed(b, c)

	a = openFile(t, dir+"/f")
	check("directly", 1, a)
	tree.lose(id) // who comes now shares the descriptor
	b = openFile(t, dir+"/f")
	check("both", 2, a, b)
	a.Close()
	check("one is left", 2, b)
	c = openFile(t, dir+"/f")
	check("and another", 3, b, c)
	closed(b, c)
	a = openFile(t, dir+"/f")
	check("no more", 3, a)
	closed(a)
}

// Many open and close a file at the same time while it comes to the disk and leaves it: nobody gets an error.
func TestMixedOpensRace(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(1 << 20)
	id := tree.put("/f", data)
	dir, _ := mounted(t, tree, Options{})
	path := tree.keep(t, id, data)
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Go(func() {
			for i := range 150 {
				if r == 0 {
					tree.disk.Lock()
					if i%2 == 0 {
						tree.disk.paths[id] = ""
					} else {
						tree.disk.paths[id] = path
					}
					tree.disk.Unlock()
				}
				f, err := os.Open(dir + "/f")
				if err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, 4096)
				if _, err := f.ReadAt(got, int64(i)*4096); err != nil || !bytes.Equal(got, data[i*4096:][:4096]) {
					t.Errorf("read %d: %v", i, err)
				}
				f.Close()
			}
		})
	}
	readers.Wait()
}

// A program that opens with O_DIRECT may read as it likes, though the disk would want it aligned.
func TestPassthroughAndODirect(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(2 << 20)
	tree.keep(t, tree.put("/f", data), data)
	dir, m := mounted(t, tree, Options{})
	f, err := os.OpenFile(dir+"/f", os.O_RDONLY|syscall.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 777)
	if _, err := f.ReadAt(got, 12345); err != nil || !bytes.Equal(got, data[12345:][:777]) {
		t.Errorf("unaligned: %v", err)
	}
	if s := m.Stats(); s.Direct != 1 || s.Passed != 0 || tree.count("read") != 0 {
		t.Errorf("%+v", s)
	}
	f.Close()
	eventually(t, "it is closed", func() bool { return m.Stats().Open == 0 })
	openFile(t, dir+"/f")
	if m.Stats().Passed != 1 {
		t.Errorf("afterwards: %+v", m.Stats())
	}
}

// An open file is one version; who opens it when it has changed gets the new one, directly as well.
func TestPassthroughIsOneVersion(t *testing.T) {
	tree := newDiskTree()
	old, fresh := randomBytes(2<<20), randomBytes(3<<20)
	tree.keep(t, tree.put("/f", old), old)
	dir, m := mounted(t, tree, Options{})
	f := openFile(t, dir+"/f")
	tree.keep(t, tree.put("/f", fresh), fresh)
	tree.push("/f")
	eventually(t, "the new version is opened", func() bool { return bytes.Equal(whole(t, openFile(t, dir+"/f")), fresh) })
	if !bytes.Equal(whole(t, f), old) {
		t.Error("the old version is not read to its end")
	}
	if m.Stats().Reads != 0 {
		t.Errorf("%+v", m.Stats())
	}
}

// Where the kernel does not read by itself, the mount reads from the descriptor for it, of this file or of all.
func TestDescriptorWithoutPassthrough(t *testing.T) {
	for name, refuse := range map[string]func(*Mounted){
		"not at all":     func(m *Mounted) { m.notifier.unable.Store(true) },
		"not this file":  func(m *Mounted) { m.notifier.refuse.Store(uintptr(syscall.ELOOP)) },
		"it has no call": func(m *Mounted) { m.notifier.refuse.Store(uintptr(syscall.ENOTTY)) },
	} {
		t.Run(name, func(t *testing.T) {
			tree := newDiskTree()
			data := randomBytes(2 << 20)
			path := tree.keep(t, tree.put("/f", data), data)
			dir, m := mounted(t, tree, Options{})
			refuse(m)
			a, b := openFile(t, dir+"/f"), openFile(t, dir+"/f")
			if !bytes.Equal(whole(t, a), data) || !bytes.Equal(whole(t, b), data) {
				t.Error("other bytes")
			}
			if s := m.Stats(); s.Direct != 2 || s.Passed != 0 || s.Reads == 0 || tree.count("read") != 0 {
				t.Errorf("%+v, %d reads of the tree", s, tree.count("read"))
			}
			// A disk that has less than it should is an error, never a short file or zeros.
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
			c := openFile(t, dir+"/f")
			m.root.EmbeddedInode().GetChild("f").NotifyContent(0, 0)
			_, err := c.ReadAt(make([]byte, 8192), 1<<20)
			wantErrno(t, "a read behind the end of the disk's file", err, syscall.EIO)
		})
	}
}

func TestPassthroughCanBeTurnedOff(t *testing.T) {
	for name, o := range map[string]Options{"by option": {Passthrough: -1}, "typed": {Raw: []string{"no_passthrough"}}, "direct_io": {DirectIO: true}} {
		t.Run(name, func(t *testing.T) {
			tree := newDiskTree()
			data := randomBytes(2 << 20)
			tree.keep(t, tree.put("/f", data), data)
			dir, m := mounted(t, tree, o)
			if !bytes.Equal(whole(t, openFile(t, dir+"/f")), data) || m.Stats().Direct != 0 || tree.disk.asked != 0 {
				t.Errorf("%+v, asked %d times", m.Stats(), tree.disk.asked)
			}
		})
	}
}

// How a file is read, and why not directly, can be asked of the mount.
func TestWayIsTold(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(1 << 20)
	id := tree.put("/f", data)
	tree.put("/small", data[:100])
	dir, m := mounted(t, tree, Options{XAttrs: true})
	told := func(name, want string) {
		t.Helper()
		if got := getxattr(dir+name, "user.goosefs.read"); got != want {
			t.Errorf("%s is read by %q, want %q", name, got, want)
		}
	}
	told("/small", "mount: the kernel keeps the pages of small files")
	told("/f", "mount: no worker has it")
	f := openFile(t, dir+"/f")
	tree.keep(t, id, data)
	told("/f", "mount, until all have closed it, for when it was opened: no worker has it")
	f.Close()
	eventually(t, "it is closed", func() bool { return m.Stats().Open == 0 })
	told("/f", "passthrough")
	f = openFile(t, dir+"/f")
	told("/f", "passthrough")
	f.Close()
	eventually(t, "it is closed", func() bool { return m.Stats().Open == 0 })
	m.notifier.refuse.Store(uintptr(syscall.ELOOP))
	openFile(t, dir+"/f")
	told("/f", "descriptor")
	told("/", syscall.ENODATA.Error())

	tree = newDiskTree()
	tree.keep(t, tree.put("/f", data), data)
	off, _ := mounted(t, tree, Options{XAttrs: true, Passthrough: -1})
	if got := getxattr(off+"/f", "user.goosefs.read"); got != "mount: reading directly is turned off" {
		t.Errorf("turned off: %q", got)
	}
}
