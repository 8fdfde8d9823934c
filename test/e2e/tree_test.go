package e2e_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a dataset that a test has made in a folder.
type tree struct {
	root  string
	files map[string]file // by path below root
}

type file struct {
	size int64
	sum  [sha256.Size]byte
	time int64 // of modification, in seconds
}

// growTree makes files in directories, of so many bytes in all. A few are large, some are empty or end near the border
// of a page, a chunk or a block, and names hold all that names may hold.
func growTree(t testing.TB, root string, files, directories int, total int64) *tree {
	t.Helper()
	tr := &tree{root: root, files: map[string]file{}}
	odd := []string{"plain", "with space", "ü-umlaut", "日本", "100%", "a+b", "q?x=1&y=2", "#hash", "semi;colon", "it's", `quote"s`, "[x]{y}", "~tilde", "a=b@c,d"}
	edges := []int64{0, 1, 4095, 4096, 65535, 65536, 65537, 1 << 20, 1<<20 + 1}
	var dirs []string
	for i := range directories {
		dir := fmt.Sprintf("%s %d", odd[i%len(odd)], i)
		if i%4 == 3 {
			dir = filepath.Join(dirs[i-1], dir)
		}
		dirs = append(dirs, dir)
	}
	left := total
	for i := range files {
		size := int64(1)
		switch {
		case i < len(edges):
			size = edges[i]
		case i < len(edges)+4:
			size = total / 8
		case i == files-1:
			size = left
		default: // around the mean of what is left
			size = rand.New(rand.NewPCG(uint64(i), 1)).Int64N(2*left/int64(files-i) + 1)
		}
		size = min(size, left)
		left -= size
		tr.add(t, filepath.Join(dirs[i%len(dirs)], fmt.Sprintf("%s-%d.dat", odd[i%len(odd)], i)), size)
	}
	return tr
}

// newTree makes the named files, of one size.
func newTree(t testing.TB, root string, size int64, names ...string) *tree {
	t.Helper()
	tr := &tree{root: root, files: map[string]file{}}
	for _, name := range names {
		tr.add(t, name, size)
	}
	return tr
}

// add makes one file with bytes of its own.
func (tr *tree) add(t testing.TB, name string, size int64) {
	t.Helper()
	path := filepath.Join(tr.root, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.Create(path)
	must(t, err)
	seed := sha256.Sum256([]byte(name))
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8(seed), size)
	must(t, err)
	must(t, f.Close())
	modified := time.Unix(1_700_000_000+int64(binary.LittleEndian.Uint16(seed[:])), 0)
	must(t, os.Chtimes(path, modified, modified))
	tr.files[name] = file{size: size, sum: [sha256.Size]byte(sum.Sum(nil)), time: modified.Unix()}
}

// verify reads every file below mounted, and compares.
func (tr *tree) verify(t testing.TB, mounted string) {
	t.Helper()
	began := time.Now()
	var total int64
	for _, name := range sorted(tr.files) {
		tr.check(t, mounted, name)
		total += tr.files[name].size
	}
	t.Logf("read %d files, %d MiB in %.1fs", len(tr.files), total>>20, time.Since(began).Seconds())
}

// check reads one file below mounted, and compares.
func (tr *tree) check(t testing.TB, mounted, name string) {
	t.Helper()
	got, err := within(t, patience+time.Minute, "reading "+name, func() ([sha256.Size]byte, error) { return sumOf(filepath.Join(mounted, name)) })
	if err != nil {
		t.Errorf("%v (errno %d)", err, errnoOf(err))
	} else if want := tr.files[name]; got != want.sum {
		t.Errorf("%s: wrong bytes: sha256 %x, not %x", name, got, want.sum)
	}
}

// sumOf reads a file as if the kernel had nothing of it.
func sumOf(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}
