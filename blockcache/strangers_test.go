package blockcache

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStrangersInTheDirectory: whatever lies there, the cache opens, keeps what
// is its own, and leaves the rest in quarantine.
func TestStrangersInTheDirectory(t *testing.T) {
	in := func(name string) func(root string) string {
		return func(root string) string { return filepath.Join(root, "blocks", name) }
	}
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	s2 := shard(2)
	for _, c := range []struct {
		what        string
		path        func(root string) string
		make        func(path string) error
		quarantined int64
	}{
		{"a file where folders are", in("hello"), write("x"), 1},
		{"a folder of another name", in("zz"), func(p string) error { return os.Mkdir(p, 0o700) }, 1},
		{"a name that is no number", in(shard(1) + "/README"), write("x"), 1},
		{"a number in another's folder", in(shard(1) + "/2.idx"), write("x"), 1},
		{"a number in other spelling", in(shard(1) + "/01.idx"), write("x"), 1},
		{"a negative number", in(shard(1) + "/-1"), write("x"), 1},
		{"an empty index", in(s2 + "/2.idx"), write(""), 1},
		{"an index of garbage", in(s2 + "/2.idx"), write(fmt.Sprintf("%4096d", 1)), 1},
		{"an index that is a folder", in(s2 + "/2.idx"), func(p string) error { return os.Mkdir(p, 0o700) }, 1},
		{"an index that is a link", in(s2 + "/2.idx"), func(p string) error { return os.Symlink("/etc/passwd", p) }, 1},
		{"an index that is a pipe", in(s2 + "/2.idx"), func(p string) error { return unix.Mkfifo(p, 0o600) }, 1},
		{"an index without data", in(s2 + "/2.idx"), func(p string) error {
			h := header{info: FileInfo{2, ChunkSize, ChunkSize}}
			return os.WriteFile(p, append(h.encode(), make([]byte, 8)...), 0o600)
		}, 1},
		{"data without an index, a relict of a crash", in(s2 + "/2"), write("x"), 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			root, present := cached(t)
			path := c.path(root)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			got, s := reopen(t, root)
			if got != present || s.Quarantined != c.quarantined {
				t.Errorf("%d of %d bytes, %+v", got, present, s)
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("still there: %v", err)
			}
			kept, err := os.ReadDir(filepath.Join(root, "quarantine"))
			if err != nil || int64(len(kept)) != c.quarantined {
				t.Errorf("in quarantine: %v, %v", kept, err)
			}
		})
	}
}

// TestDataReplacedByAStranger: the index is sound, its data is not a file of ours.
func TestDataReplacedByAStranger(t *testing.T) {
	for what, replace := range map[string]func(path string) error{
		"a link":   func(p string) error { return os.Symlink("/etc/passwd", p) },
		"a folder": func(p string) error { return os.Mkdir(p, 0o700) },
		"a pipe":   func(p string) error { return unix.Mkfifo(p, 0o600) },
		"nothing":  func(string) error { return nil },
	} {
		t.Run(what, func(t *testing.T) {
			root, _ := cached(t)
			path := dirPath{root}.data(1)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			if got, s := reopen(t, root); got != 0 || s.Quarantined == 0 {
				t.Errorf("%d bytes, %+v", got, s)
			}
		})
	}
}

// TestBlocksOfAnotherWorker: whole files were moved here from another worker's
// directory, where the same id may have meant another file.
func TestBlocksOfAnotherWorker(t *testing.T) {
	theirs, _ := cached(t)
	ours := t.TempDir()
	fill(t, one(ours, 16*mib))
	if err := os.RemoveAll(filepath.Join(ours, "blocks")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(ours, "blocks"), os.DirFS(filepath.Join(theirs, "blocks"))); err != nil {
		t.Fatal(err)
	}
	if got, s := reopen(t, ours); got != 0 || s.Quarantined != 2 {
		t.Errorf("%d bytes, %+v", got, s)
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	root, present := cached(t)
	for i := range 20 {
		path := filepath.Join(root, "blocks", fmt.Sprint("stranger", i))
		if err := os.WriteFile(path, make([]byte, 256*kib), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, s := reopen(t, root); got != present || s.Quarantined != 20 {
		t.Errorf("%d of %d bytes, %+v", got, present, s)
	}
	if n := treeBytes(filepath.Join(root, "quarantine")); n > 16*mib/quarantineShare+pageSize || n < mib/2 {
		t.Errorf("%d bytes kept in quarantine", n)
	}
}

// TestTheSameFileTwice: only one copy can be served, and only one is paid for.
func TestTheSameFileTwice(t *testing.T) {
	a, _ := cached(t)
	b := copyDir(t, a)
	c := mustOpen(t, Options{Tiers: []Tier{{Alias: "HDD", Dirs: []Dir{{a, 16 * mib}, {b, 16 * mib}}}}})
	f := mustAcquire(t, c, victim())
	check(t, f, 0, victim().Length)
	for _, d := range c.Usage()[0].Dirs {
		if real := walked(d.Path); real > d.Used {
			t.Errorf("%s: %d on disk, %d accounted for", d.Path, real, d.Used)
		}
	}
	audit(t, c)
}
