// Package ufstest is the suite that every kind of under file system passes, and
// under file systems that misbehave as planned (Faulty, Slow), for the tests of whoever uses one.
//
// A kind's test is one call:
//
//	func TestSuite(t *testing.T) {
//		ufstest.Run(t, func(t *testing.T) ufstest.Fixture { … })
//	}
package ufstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
)

// Fixture is one empty source, seen from both sides: through the UFS, and by its owner.
type Fixture struct {
	UFS ufs.UFS

	// The owner's hands. Put makes a file and the folders above it; putting a name
	// again must be a change that the source can show.
	Put    func(t testing.TB, name string, data []byte)
	Mkdir  func(t testing.TB, name string)
	Remove func(t testing.TB, name string)

	// Hidden says which names this source does not show or cannot serve; nil: none.
	Hidden func(name string) bool
}

// Folder gives the owner's hands for sources that are served from a local folder.
// Each Put gets a time of change of its own, in whole seconds and well in the past.
func Folder(dir string) Fixture {
	var mu sync.Mutex
	clock := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	return Fixture{
		Put: func(t testing.TB, name string, data []byte) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Second)
			must(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
			// A new file under the old name, never a rewritten one: that is how datasets are published.
			must(t, os.WriteFile(at(name)+".new", data, 0o644))
			must(t, os.Chtimes(at(name)+".new", clock, clock))
			must(t, os.Rename(at(name)+".new", at(name)))
		},
		Mkdir:  func(t testing.TB, name string) { t.Helper(); must(t, os.MkdirAll(at(name), 0o755)) },
		Remove: func(t testing.TB, name string) { t.Helper(); must(t, os.RemoveAll(at(name))) },
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// OddNames are names that are legal and easily broken on the way through links,
// percent signs and entities.
func OddNames() []string {
	return []string{
		"plain.txt", "a b.txt", " lead", "trail ", "100%.txt", "percent%41.txt", "%2e%2e", "h#sh", "q?mark",
		"p+lus", "ü.txt", "中文.txt", `quote"s`, "apos'", "amp&x", "amp&amp;y", "lt<gt>", "co:lon", "http:", ".dot",
		"semi;x=1", "[br]", "{brace}", "tilde~", "pipe|x", "caret^", "`tick", "eq=uals", "$dollar", "@at", "!bang",
		"*star", ",comma", "(paren)", `back\slash`, "...", "..a", "-", "index.php?C=N", strings.Repeat("long", 60),
	}
}

// Run runs the suite; open makes a fresh, empty source each time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	tests := []struct {
		name string
		run  func(t *testing.T, f Fixture)
	}{
		{"Stat", testStat}, {"List", testList}, {"OddNames", testOddNames}, {"BadNames", testBadNames},
		{"Ranges", testRanges}, {"Change", testChange}, {"Gone", testGone}, {"Cancel", testCancel},
		{"Concurrent", testConcurrent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
	if w, err := open(t).UFS.Create(t.Context(), "probe", 0o644); ufs.Errno(err) == syscall.EROFS {
		t.Run("ReadOnly", func(t *testing.T) { testReadOnly(t, open(t)) })
		return
	} else if err == nil {
		w.Abort()
	}
	for _, test := range writeTests() {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// WantErrno fails the test unless err is a PathError with one of the errnos and a full path.
func WantErrno(t testing.TB, err error, want ...syscall.Errno) {
	t.Helper()
	var path *fs.PathError
	switch {
	case err == nil:
		t.Fatalf("no error, want %v", want)
	case !errors.As(err, &path):
		t.Fatalf("%T is not a PathError: %v", err, err)
	case !slices.Contains(want, ufs.Errno(err)):
		t.Fatalf("errno %d (%v), want %v: %v", ufs.Errno(err), ufs.Errno(err), want, err)
	case !strings.Contains(path.Path, "/"):
		t.Fatalf("the error does not name the full path: %v", err)
	}
}

// Collect lists a directory by name.
func Collect(ctx context.Context, u ufs.UFS, name string) (map[string]ufs.Info, error) {
	all := map[string]ufs.Info{}
	for info, err := range u.List(ctx, name) {
		if err != nil {
			return all, err
		}
		if _, twice := all[info.Name]; twice {
			return all, fmt.Errorf("%q was listed twice", info.Name)
		}
		all[info.Name] = info
	}
	return all, nil
}

// Read reads a range of one version.
func Read(ctx context.Context, u ufs.UFS, name string, v ufs.Version, off, n int64) ([]byte, error) {
	r, err := u.Open(ctx, name, v, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func stat(t testing.TB, u ufs.UFS, name string) ufs.Info {
	t.Helper()
	info, err := u.Stat(t.Context(), name)
	must(t, err)
	return info
}

func testStat(t *testing.T, f Fixture) {
	f.Put(t, "dir/file.bin", Bytes(1234))
	f.Mkdir(t, "dir/sub")
	if info := stat(t, f.UFS, "dir/file.bin"); info.Dir || info.Size != 1234 || info.Name != "file.bin" || info.Version == "" {
		t.Errorf("a file: %+v", info)
	}
	if info := stat(t, f.UFS, "dir/sub"); !info.Dir || info.Name != "sub" || info.Version != "" {
		t.Errorf("a folder: %+v", info)
	}
	if info := stat(t, f.UFS, ""); !info.Dir || info.Name != "" {
		t.Errorf("the base: %+v", info)
	}
	if a, b := stat(t, f.UFS, "dir/file.bin"), stat(t, f.UFS, "/dir/file.bin/"); a.Version != b.Version {
		t.Errorf("two looks at one file: versions %q and %q", a.Version, b.Version)
	}
	for _, name := range []string{"none", "none/deeper", "dir/none"} {
		_, err := f.UFS.Stat(t.Context(), name)
		WantErrno(t, err, syscall.ENOENT)
	}
	_, err := f.UFS.Stat(t.Context(), "dir/file.bin/below")
	WantErrno(t, err, syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES)
}

func testList(t *testing.T, f Fixture) {
	all, err := Collect(t.Context(), f.UFS, "")
	must(t, err)
	if len(all) != 0 {
		t.Fatalf("an empty source lists %v", all)
	}
	for i := range 40 {
		f.Put(t, fmt.Sprintf("many/f%02d", i), Bytes(i))
	}
	f.Put(t, "many/sub/deep", Bytes(7))
	f.Mkdir(t, "many/empty")
	all, err = Collect(t.Context(), f.UFS, "many")
	must(t, err)
	if len(all) != 42 || !all["sub"].Dir || !all["empty"].Dir {
		t.Errorf("listed %d entries: %v", len(all), all)
	}
	for i := range 40 {
		name := fmt.Sprintf("f%02d", i)
		if got, want := all[name], stat(t, f.UFS, "many/"+name); got.Size != int64(i) || got.Version != want.Version || got.Dir {
			t.Errorf("%s: listed as %+v, Stat says %+v", name, got, want)
		}
	}
	all, err = Collect(t.Context(), f.UFS, "many/empty")
	if err != nil || len(all) != 0 {
		t.Errorf("an empty folder: %v, %v", all, err)
	}
	seen := 0
	for _, err := range f.UFS.List(t.Context(), "many") {
		must(t, err)
		if seen++; seen == 3 {
			break
		}
	}
	_, err = Collect(t.Context(), f.UFS, "none")
	WantErrno(t, err, syscall.ENOENT)
	_, err = Collect(t.Context(), f.UFS, "many/f01")
	WantErrno(t, err, syscall.ENOTDIR, syscall.ENOENT, syscall.EIO, syscall.EACCES)
}

func testOddNames(t *testing.T, f Fixture) {
	want := map[string][]byte{}
	for i, name := range OddNames() {
		if f.Hidden != nil && f.Hidden(name) {
			continue
		}
		want[name] = Bytes(100 + i)
		f.Put(t, "odd &% dir/"+name, want[name])
		f.Put(t, "dirs/"+name+"/x", []byte("x"))
	}
	all, err := Collect(t.Context(), f.UFS, "odd &% dir")
	must(t, err)
	for name, data := range want {
		info, ok := all[name]
		if !ok {
			t.Errorf("%q is not listed", name)
			continue
		}
		got, err := Read(t.Context(), f.UFS, "odd &% dir/"+name, info.Version, 0, info.Size)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q: read %d bytes of %d, %v", name, len(got), len(data), err)
		}
		if info := stat(t, f.UFS, "dirs/"+name); !info.Dir {
			t.Errorf("folder %q: %+v", name, info)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d entries are listed, want %d: %v", len(all), len(want), all)
	}
	dirs, err := Collect(t.Context(), f.UFS, "dirs")
	must(t, err)
	for name := range want {
		if !dirs[name].Dir {
			t.Errorf("folder %q is listed as %+v", name, dirs[name])
		}
	}
}

func testBadNames(t *testing.T, f Fixture) {
	for _, name := range []string{"..", "a/../b", "../x", "a/./b", "a//b", "nul\x00", "line\n", "\xff\xfe"} {
		_, err := f.UFS.Stat(t.Context(), name)
		WantErrno(t, err, syscall.EINVAL)
		_, err = f.UFS.Open(t.Context(), name, "v", 0, 1)
		WantErrno(t, err, syscall.EINVAL)
		_, err = Collect(t.Context(), f.UFS, name)
		WantErrno(t, err, syscall.EINVAL)
	}
	_, err := f.UFS.Stat(t.Context(), strings.Repeat("x", 300))
	WantErrno(t, err, syscall.ENAMETOOLONG)
}

func testRanges(t *testing.T, f Fixture) {
	const size = 300_000
	data := Bytes(size)
	f.Put(t, "data.bin", data)
	f.Put(t, "zero", nil)
	v := stat(t, f.UFS, "data.bin").Version
	for _, r := range [][2]int64{{0, size}, {0, 1}, {size - 1, 1}, {1, size - 1}, {0, size - 1}, {65536, 65536}, {12345, 1}, {size, 0}, {0, 0}, {100, 0}} {
		got, err := Read(t.Context(), f.UFS, "data.bin", v, r[0], r[1])
		if err != nil || !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("%d bytes from %d: got %d bytes, %v", r[1], r[0], len(got), err)
		}
	}
	for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, size + 1}, {size, 1}, {size + 1, 0}, {1 << 62, 1 << 62}} {
		_, err := Read(t.Context(), f.UFS, "data.bin", v, r[0], r[1])
		WantErrno(t, err, syscall.EINVAL)
	}
	_, err := Read(t.Context(), f.UFS, "data.bin", "", 0, 1)
	WantErrno(t, err, syscall.EINVAL)
	zero := stat(t, f.UFS, "zero")
	if got, err := Read(t.Context(), f.UFS, "zero", zero.Version, 0, 0); err != nil || len(got) != 0 || zero.Size != 0 {
		t.Errorf("an empty file: %d bytes, %v, %+v", len(got), err, zero)
	}
	for off := int64(0); off < size; off += 50_000 { // in order, as a fill does
		got, err := Read(t.Context(), f.UFS, "data.bin", v, off, 50_000)
		if err != nil || !bytes.Equal(got, data[off:off+50_000]) {
			t.Errorf("in order from %d: got %d bytes, %v", off, len(got), err)
		}
	}
	r, err := f.UFS.Open(t.Context(), "data.bin", v, 0, size) // abandoned halfway
	must(t, err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	must(t, err)
	r.Close()
	if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a read after Close: %v", err)
	}
}

func testChange(t *testing.T, f Fixture) {
	f.Put(t, "f", Bytes(5000))
	old := stat(t, f.UFS, "f")
	next := Bytes(6000)
	f.Put(t, "f", next)
	now := stat(t, f.UFS, "f")
	if now.Version == old.Version || now.Size != 6000 {
		t.Fatalf("after the change %+v, before %+v", now, old)
	}
	for _, r := range [][2]int64{{0, 5000}, {0, 10}, {4990, 10}} {
		_, err := Read(t.Context(), f.UFS, "f", old.Version, r[0], r[1])
		WantErrno(t, err, syscall.ESTALE)
	}
	got, err := Read(t.Context(), f.UFS, "f", now.Version, 10, 5990)
	if err != nil || !bytes.Equal(got, next[10:]) {
		t.Errorf("the new version: %d bytes, %v", len(got), err)
	}
	if now.Weak {
		return // a change that keeps the length is not promised to be seen
	}
	f.Put(t, "f", slices.Repeat([]byte{1}, 6000))
	_, err = Read(t.Context(), f.UFS, "f", now.Version, 0, 6000)
	WantErrno(t, err, syscall.ESTALE)
	_, err = Read(t.Context(), f.UFS, "f", now.Version, 100, 200)
	WantErrno(t, err, syscall.ESTALE)
}

func testGone(t *testing.T, f Fixture) {
	f.Put(t, "dir/f", Bytes(5000))
	f.Put(t, "dir/g", Bytes(10))
	info := stat(t, f.UFS, "dir/f")
	f.Remove(t, "dir/f")
	_, err := Read(t.Context(), f.UFS, "dir/f", info.Version, 0, 5000)
	WantErrno(t, err, syscall.ENOENT, syscall.ESTALE)
	_, err = f.UFS.Stat(t.Context(), "dir/f")
	WantErrno(t, err, syscall.ENOENT)
	all, err := Collect(t.Context(), f.UFS, "dir")
	if err != nil || len(all) != 1 {
		t.Errorf("listed %v, %v", all, err)
	}
	f.Remove(t, "dir")
	_, err = Collect(t.Context(), f.UFS, "dir")
	WantErrno(t, err, syscall.ENOENT)
	f.Mkdir(t, "dir/f") // a folder under the name of a file
	_, err = Read(t.Context(), f.UFS, "dir/f", info.Version, 0, 5000)
	WantErrno(t, err, syscall.EISDIR, syscall.ESTALE, syscall.ENOENT)
}

func testCancel(t *testing.T, f Fixture) {
	f.Put(t, "f", Bytes(1<<20))
	info := stat(t, f.UFS, "f")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := f.UFS.Open(ctx, "f", info.Version, 0, info.Size)
	must(t, err)
	defer r.Close()
	cancel()
	_, err = f.UFS.Stat(ctx, "f")
	WantErrno(t, err, syscall.ECANCELED)
	if !errors.Is(err, context.Canceled) || ufs.Retryable(err) {
		t.Errorf("a canceled call: %v, retryable %v", err, ufs.Retryable(err))
	}
	_, err = Collect(ctx, f.UFS, "")
	WantErrno(t, err, syscall.ECANCELED)
	_, err = f.UFS.Open(ctx, "f", info.Version, 0, 1)
	WantErrno(t, err, syscall.ECANCELED)
	if _, err := io.Copy(io.Discard, r); err != nil { // bytes already here may still come
		WantErrno(t, err, syscall.ECANCELED)
	}
}

func testConcurrent(t *testing.T, f Fixture) {
	const size = 200_000
	data := Bytes(size)
	f.Put(t, "f", data)
	v := stat(t, f.UFS, "f").Version
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 10 {
				off := random.Int64N(size)
				n := 1 + random.Int64N(size-off)
				got, err := Read(t.Context(), f.UFS, "f", v, off, n)
				if err != nil || !bytes.Equal(got, data[off:off+n]) {
					t.Errorf("%d bytes from %d: got %d bytes, %v", n, off, len(got), err)
				}
			}
		})
	}
	wait.Wait()
}

// Bytes are n bytes in which no two ranges of 8 look alike.
func Bytes(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 99))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
