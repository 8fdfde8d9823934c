package fuse

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"

	"golang.org/x/sys/unix"
)

func TestListingIsOneCall(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1000 // a slow run must not take the second that the kernel's entry of a directory lives
	}
	tree := newMemTree()
	for i := range n {
		tree.put(fmt.Sprintf("/big/file-%05d", i), []byte(fmt.Sprint(i)))
	}
	tree.mkdir("/big/sub")
	dir, m := mounted(t, tree, Options{})
	// What is learned before changes are heard is believed for a second only.
	eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
	before := tree.count("stat")
	seen := listLong(t, dir+"/big")
	if len(seen) != n+1 || seen["file-00123"] != 3 || seen["file-00999"] != 3 {
		t.Errorf("%d entries, want %d", len(seen), n+1)
	}
	// One stat finds the directory itself.
	if lists, stats := tree.count("list"), tree.count("stat")-before; lists != 1 || stats != 1 {
		t.Errorf("ls -l took %d lists and %d stats", lists, stats)
	}
	seen = listLong(t, dir+"/big")
	if lists, stats := tree.count("list"), tree.count("stat")-before; len(seen) != n+1 || lists != 1 || stats != 1 {
		t.Errorf("ls -l again: %d entries, %d lists, %d stats in all", len(seen), lists, stats)
	}
	wantContent(t, dir+"/big/file-00077", "77")
	if stats := tree.count("stat") - before; stats != 1 {
		t.Errorf("opening a file that was just listed took %d stats", stats-1)
	}
	if s := m.Stats(); s.Lists != 1 || s.Opens != 1 || !s.Watched {
		t.Errorf("%+v", s)
	}
}

// listLong does what ls -l does, and gives the sizes by name.
func listLong(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		t.Error(err)
	}
	sizes := make(map[string]int64)
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		sizes[name] = info.Size()
	}
	return sizes
}

// rawEntries reads names and offsets as the kernel gives them, "." and ".." too.
func rawEntries(t testing.TB, fd int) (names []string, offsets []int64) {
	t.Helper()
	buf := make([]byte, 1024)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return names, offsets
		}
		for b := buf[:n]; len(b) > 0; {
			// struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
			length := int(b[16]) | int(b[17])<<8
			var off int64
			for i := range 8 {
				off |= int64(b[8+i]) << (8 * i)
			}
			name, _, _ := strings.Cut(string(b[19:length]), "\x00")
			names, offsets = append(names, name), append(offsets, off)
			b = b[length:]
		}
	}
}

func TestSeekInDirectory(t *testing.T) {
	tree := newMemTree()
	for i := range 300 {
		tree.put(fmt.Sprintf("/d/%03d", i), nil)
	}
	dir, _ := mounted(t, tree, Options{})
	fd, err := unix.Open(dir+"/d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	all, offsets := rawEntries(t, fd)
	if len(all) != 302 || all[0] != "." || all[1] != ".." || all[301] != "299" {
		t.Fatalf("%d entries: %.5q …", len(all), all)
	}
	for _, from := range []int{0, 1, 2, 150, 301} {
		if _, err := unix.Seek(fd, offsets[from], 0); err != nil {
			t.Fatal(err)
		}
		if rest, _ := rawEntries(t, fd); strings.Join(rest, " ") != strings.Join(all[from+1:], " ") {
			t.Errorf("after entry %d come %d entries, want %d", from, len(rest), len(all)-from-1)
		}
	}
	tree.put("/d/new", nil)
	tree.push("/d/new")
	if _, err := unix.Seek(fd, 0, 0); err != nil { // rewinddir
		t.Fatal(err)
	}
	eventually(t, "rewinddir shows what is new", func() bool {
		unix.Seek(fd, 0, 0)
		again, _ := rawEntries(t, fd)
		return len(again) == 303
	})
}

func TestListingThatFails(t *testing.T) {
	tree := newMemTree()
	for i := range 500 {
		tree.put(fmt.Sprintf("/d/%03d", i), nil)
	}
	dir, _ := mounted(t, tree, Options{})
	tree.fail("list /d", syscall.EIO)
	_, err := os.ReadDir(dir + "/d")
	wantErrno(t, "a listing that does not begin", err, syscall.EIO)
	tree.fail("list /d", nil)
	tree.fail("entry /d 200", syscall.EAGAIN)
	_, err = os.ReadDir(dir + "/d")
	wantErrno(t, "a listing that breaks in the middle", err, syscall.EIO)
	tree.fail("entry /d 200", nil)
	if entries, err := os.ReadDir(dir + "/d"); err != nil || len(entries) != 500 {
		t.Errorf("afterwards: %d entries, %v", len(entries), err)
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/good", nil)
	for i, bad := range []string{"", ".", "..", "a/b", "nul\x00", strings.Repeat("x", 256)} {
		at := fmt.Sprintf("/d/bad-%d", i)
		tree.put(at, nil)
		tree.update(at, func(info *client.Info) { info.Name = bad })
	}
	dir, _ := mounted(t, tree, Options{})
	entries, err := os.ReadDir(dir + "/d")
	if err != nil || len(entries) != 1 || entries[0].Name() != "good" {
		t.Errorf("listed: %v, %v", entries, err)
	}
}

func TestDirectoryThatBecameAFile(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/f", nil)
	dir, _ := mounted(t, tree, Options{})
	d, err := os.Open(dir + "/d")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tree.remove("/d")
	tree.put("/d", []byte("file now"))
	if names, err := d.Readdirnames(-1); errnoIn(err) != syscall.ESTALE {
		t.Errorf("listed %v, %v, want ESTALE", names, err)
	}
	tree.push("/d")
	eventually(t, "the file is seen", func() bool {
		got, _ := os.ReadFile(dir + "/d")
		return string(got) == "file now"
	})
}

func TestInterruptedListingGoesOn(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	for i := range 5 {
		tree.put(fmt.Sprintf("/d/%d", i), nil)
	}
	_, m := mounted(t, tree, Options{})
	n := m.root
	release := tree.hold("entry / 0")
	defer release()
	h := &dirHandle{n: n}
	defer h.Releasedir(t.Context(), 0)
	ctx := interruptedContext()
	for range 2 {
		if e, errno := h.Readdirent(ctx); errno != 0 || e == nil {
			t.Fatal(e, errno)
		}
	}
	if e, errno := h.Readdirent(ctx); errno != syscall.EINTR {
		t.Fatalf("got %v, %v, want EINTR", e, errno)
	}
	release()
	e, errno := h.Readdirent(t.Context())
	if errno != 0 || e == nil || e.Name != "d" {
		t.Errorf("after the interruption came %v, %v", e, errno)
	}
	if e, errno := h.Readdirent(t.Context()); e != nil || errno != 0 {
		t.Errorf("at the end came %v, %v", e, errno)
	}
}

// A listing that broke because the directory changed under it goes on: what stays is told once, whatever comes and goes.
func TestListingGoesOnWhereTheDirectoryChanges(t *testing.T) {
	tree := newMemTree()
	for i := range 300 {
		tree.put(fmt.Sprintf("/d/f%03d", i), nil)
	}
	dir, _ := mounted(t, tree, Options{})
	tree.fail("entry /d 200", syscall.EAGAIN)
	release := tree.hold("entry /d 200")
	listed := make(chan []os.DirEntry, 1)
	go func() {
		entries, err := os.ReadDir(dir + "/d")
		if err != nil {
			t.Error(err)
		}
		listed <- entries
	}()
	<-tree.entered
	tree.fail("entry /d 200", nil)
	tree.remove("/d/f000")
	tree.put("/d/f250x", nil)
	release()
	var names []string
	for _, e := range <-listed {
		names = append(names, e.Name())
	}
	want := slices.Compact(slices.Sorted(slices.Values(names)))
	if !slices.Equal(names, want) || len(names) != 301 || names[0] != "f000" || names[300] != "f299" {
		t.Errorf("%d names, %d of them different, from %s", len(names), len(want), names[0])
	}
}
