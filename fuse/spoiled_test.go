package fuse

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Others write to a worker's file, or cut it off, while a program reads it directly. That one sees what is on the disk. But
// who opens it from then on gets the right bytes, all of them, as long as the first is open and afterwards.
func TestOthersChangeAFileThatIsOpen(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"overwritten": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("not what it was"), 1<<20)
			return err
		},
		"cut off": func(path string) error { return os.Truncate(path, 1<<20) },
	} {
		t.Run(what, func(t *testing.T) {
			tree := newDiskTree()
			data := randomBytes(3 << 20)
			id := tree.put("/f", data)
			path := tree.keep(t, id, data)
			dir, m := mounted(t, tree, Options{XAttrs: true})
			closed := func(left int64, files ...*os.File) { // left are open
				t.Helper()
				for _, f := range files {
					f.Close()
				}
				ways := &m.root.EmbeddedInode().GetChild("f").Operations().(*fileNode).ways
				eventually(t, "they are closed", func() bool {
					ways.mu.Lock()
					defer ways.mu.Unlock()
					return m.Stats().Open == left && (left > 0 || ways.mu.streams+ways.mu.direct == 0)
				})
			}
			right := func(when string, direct, spoiled int64) *os.File {
				t.Helper()
				f, err := os.Open(dir + "/f")
				if err != nil {
					t.Fatal(when, err)
				}
				t.Cleanup(func() { f.Close() })
				if !bytes.Equal(whole(t, f), data) {
					t.Errorf("%s: other bytes", when)
				}
				if s := m.Stats(); s.Direct != direct || s.Spoiled != spoiled {
					t.Errorf("%s: %+v", when, s)
				}
				return f
			}
			a := right("at first", 1, 0)
			stale, err := os.OpenFile(dir+"/f", unix.O_PATH, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer stale.Close()
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			tree.lose(id) // the worker looks at it, too
			b := right("when it was changed", 1, 1)
			wantMapped(t, dir+"/f", data)
			tree.keep(t, id, data) // another file, for the worker dropped that one
			c := right("when the worker has it again", 1, 1)
			closed(2, a)
			d := right("when the first is closed", 1, 1)
			closed(0, b, c, d)
			e := right("when all are closed", 2, 1)
			f := right("and again", 3, 1)
			_, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", stale.Fd()))
			wantErrno(t, "the old inode", err, syscall.ESTALE)
			closed(0, e, f)
			if s := m.Stats(); s.Passed != 2 || s.Failed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A worker vouches for a file that others only touched, and nobody has to for one that is unlinked.
func TestHarmlessChangesOfAFileThatIsOpen(t *testing.T) {
	tree := newDiskTree()
	data := randomBytes(2 << 20)
	id := tree.put("/f", data)
	path := tree.keep(t, id, data)
	dir, m := mounted(t, tree, Options{})
	read := func(when string, asked int) {
		t.Helper()
		if !bytes.Equal(whole(t, openFile(t, dir+"/f")), data) {
			t.Errorf("%s: other bytes", when)
		}
		tree.disk.Lock()
		defer tree.disk.Unlock()
		if tree.disk.asked != asked || m.Stats().Spoiled != 0 || m.Stats().Direct != m.Stats().Opens {
			t.Errorf("%s: the worker was asked %d times, want %d; %+v", when, tree.disk.asked, asked, m.Stats())
		}
	}
	read("at first", 1)
	read("nothing has changed", 1)
	if err := os.Chtimes(path, time.Now(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	read("touched", 2)
	read("and nothing since", 2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tree.lose(id)
	read("unlinked", 2)
}
