package fuse

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
)

const oldText, newText = "the old version", "the new version, longer"

func sees(at, want string) func() bool {
	return func() bool {
		got, err := os.ReadFile(at)
		return err == nil && string(got) == want
	}
}

func absent(at string) func() bool {
	return func() bool {
		_, err := os.Lstat(at)
		return errnoIn(err) == syscall.ENOENT
	}
}

func present(at string) func() bool {
	return func() bool { _, err := os.Lstat(at); return err == nil }
}

func TestChangedFileIsSeenWhenPushed(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/f", []byte(oldText))
	dir, _ := mounted(t, tree, Options{})
	wantContent(t, dir+"/d/f", oldText)
	tree.put("/d/f", []byte(newText))
	wantContent(t, dir+"/d/f", oldText) // believed, as nothing was pushed
	tree.push("/d/f")
	eventually(t, "the new version is read", sees(dir+"/d/f", newText))
	info, err := os.Stat(dir + "/d/f")
	if err != nil || info.Size() != int64(len(newText)) {
		t.Errorf("size: %v, %v", info, err)
	}
}

func TestChangedFileIsSeenWithoutAStream(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	tree.silent = true
	tree.put("/d/f", []byte(oldText))
	dir, m := mounted(t, tree, Options{})
	wantContent(t, dir+"/d/f", oldText)
	tree.put("/d/f", []byte(newText))
	eventually(t, "the new version is read", sees(dir+"/d/f", newText))
	if m.Stats().Watched {
		t.Error("counts as watched without a stream")
	}
}

func TestChangedFileIsSeenWhenItsTimeIsOver(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/f", []byte(oldText))
	dir, _ := mounted(t, tree, Options{AttrTimeout: 50 * time.Millisecond, EntryTimeout: 50 * time.Millisecond})
	wantContent(t, dir+"/d/f", oldText)
	tree.put("/d/f", []byte(newText))
	eventually(t, "the new version is read", sees(dir+"/d/f", newText))
}

func TestZeroLifetimesAreStrict(t *testing.T) {
	tree := newMemTree()
	dir, _ := mounted(t, tree, Options{Raw: []string{"attr_timeout=0,entry_timeout=0", "negative_timeout=0"}})
	for i := range 20 {
		at := fmt.Sprintf("/d/f%d", i)
		if !absent(dir + at)() {
			t.Error("is there too early")
		}
		tree.put(at, []byte(oldText))
		wantContent(t, dir+at, oldText)
		tree.put(at, []byte(newText))
		wantContent(t, dir+at, newText)
		tree.remove(at)
		if !absent(dir + at)() {
			t.Error("is there too long")
		}
	}
}

func TestOpenFileStaysWithItsVersion(t *testing.T) {
	tree := newMemTree()
	id := tree.put("/f", []byte(oldText))
	dir, _ := mounted(t, tree, Options{DirectIO: true})
	f, err := os.Open(dir + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tree.put("/f", []byte(newText))
	tree.push("/f")
	eventually(t, "the new version is read", sees(dir+"/f", newText))

	got, err := io.ReadAll(f)
	if err != nil || string(got) != oldText {
		t.Errorf("the open file reads %q, %v", got, err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != int64(len(oldText)) {
		t.Errorf("the open file has size %v, %v", info, err)
	}
	tree.dropData(id)
	_, err = f.ReadAt(make([]byte, 10), 0)
	wantErrno(t, "reading a version that is gone", err, syscall.ESTALE)
	wantContent(t, dir+"/f", newText)
}

// The name is still believed to mean a version that is gone: the program should get the new one, not an error.
func TestOpenOfAVersionThatIsGone(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", []byte(oldText))
	dir, _ := mounted(t, tree, Options{AttrTimeout: time.Millisecond, EntryTimeout: time.Hour})
	wantContent(t, dir+"/f", oldText)
	tree.put("/f", []byte(newText))
	time.Sleep(2 * time.Millisecond) // what the mount itself believes is over; the kernel's entry is not
	wantContent(t, dir+"/f", newText)
	tree.remove("/f")
	time.Sleep(2 * time.Millisecond)
	_, err := os.ReadFile(dir + "/f")
	wantErrno(t, "opening a file that is gone", err, syscall.ENOENT)
}

func TestNewAndRemovedNames(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/f", []byte("f"))
	tree.mkdir("/d/sub")
	dir, _ := mounted(t, tree, Options{NegativeTimeout: time.Hour})
	if !absent(dir+"/d/new")() || !present(dir+"/d/f")() || !present(dir+"/d/sub")() {
		t.Fatal("not as it should begin")
	}
	tree.put("/d/new", []byte("new"))
	tree.push("/d/new")
	eventually(t, "a new file is seen where none was", sees(dir+"/d/new", "new"))
	tree.remove("/d/f")
	tree.push("/d/f")
	eventually(t, "a removed file is gone", absent(dir+"/d/f"))
	tree.remove("/d/sub")
	tree.push("/d/sub")
	eventually(t, "a removed directory is gone", absent(dir+"/d/sub"))
	eventually(t, "the listing follows", func() bool {
		seen := listLong(t, dir+"/d")
		return len(seen) == 1 && seen["new"] == 3
	})
}

// Some changes come as the directory only.
func TestPushedDirectoryStandsForWhatIsInIt(t *testing.T) {
	tree := newMemTree()
	for _, n := range []string{"a", "b", "c"} {
		tree.put("/d/"+n, []byte(oldText))
	}
	dir, _ := mounted(t, tree, Options{})
	if n := len(listLong(t, dir+"/d")); n != 3 {
		t.Fatalf("%d entries", n)
	}
	wantContent(t, dir+"/d/a", oldText)
	tree.put("/d/a", []byte(newText))
	tree.remove("/d/b")
	tree.put("/d/e", []byte("e"))
	tree.push("/d")
	eventually(t, "the changed file is seen", sees(dir+"/d/a", newText))
	eventually(t, "the removed file is gone", absent(dir+"/d/b"))
	eventually(t, "the listing follows", func() bool { return len(listLong(t, dir+"/d")) == 3 && present(dir+"/d/e")() })
}

func TestRenamedFileDoesNotComeBack(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/old", []byte("x"))
	dir, _ := mounted(t, tree, Options{})
	wantContent(t, dir+"/d/old", "x")
	tree.rename("/d/old", "/d/new")
	tree.push("/d/old", "/d/new")
	eventually(t, "the new name is there", sees(dir+"/d/new", "x"))
	eventually(t, "the old name is gone", absent(dir+"/d/old"))
	for range 3 { // the same version is well known by its new name
		wantContent(t, dir+"/d/new", "x")
		if !absent(dir + "/d/old")() {
			t.Error("the old name came back")
		}
	}
}

func TestRenamedDirectory(t *testing.T) {
	tree := newMemTree()
	tree.put("/old/sub/f", []byte("x"))
	dir, _ := mounted(t, tree, Options{})
	wantContent(t, dir+"/old/sub/f", "x")
	tree.rename("/old", "/new")
	tree.push("/old", "/new")
	eventually(t, "the file is below the new name", sees(dir+"/new/sub/f", "x"))
	eventually(t, "the old name is gone", absent(dir+"/old/sub/f"))
}

// A listing or a lookup that is under way while something changes must not be believed for long.
func TestAnswersThatAnInvalidationOvertakes(t *testing.T) {
	for call, look := range map[string]func(dir string){
		"stat /d/f": func(dir string) { os.Lstat(dir + "/d/f") },
		"list /d":   func(dir string) { os.ReadDir(dir + "/d") },
	} {
		tree := newMemTree()
		tree.put("/d/f", []byte(oldText))
		dir, _ := mounted(t, tree, Options{})
		os.Lstat(dir + "/d")
		release := tree.hold(call)
		looked := make(chan struct{})
		go func() {
			look(dir)
			close(looked)
		}()
		<-tree.entered
		tree.put("/d/f", []byte(newText))
		tree.put("/d/g", nil)
		tree.push("/d/f", "/d/g")
		release()
		<-looked
		eventually(t, call+": the new version is read", sees(dir+"/d/f", newText))
		eventually(t, call+": the new name is listed", func() bool { return len(listLong(t, dir+"/d")) == 2 })
	}
}

func TestLostStream(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	tree.put("/d/sub/f", []byte(oldText))
	tree.put("/d/sub/gone", []byte(oldText))
	dir, m := mounted(t, tree, Options{})
	wantContent(t, dir+"/d/sub/f", oldText)
	listLong(t, dir+"/d/sub")
	tree.put("/d/sub/f", []byte(newText))
	tree.remove("/d/sub/gone")
	tree.lose()
	if m.Stats().Watched {
		t.Error("counts as watched though the stream is lost")
	}
	eventually(t, "what changed before the loss is seen", sees(dir+"/d/sub/f", newText))
	eventually(t, "what was removed is gone", absent(dir+"/d/sub/gone"))
	tree.put("/d/sub/f", []byte(oldText))
	eventually(t, "what changes without the stream is seen", sees(dir+"/d/sub/f", oldText))

	tree.put("/d/sub/f", []byte(newText))
	tree.push() // it is back; what was believed before is not
	eventually(t, "what changed just before it came back is seen", sees(dir+"/d/sub/f", newText))
	stats := tree.count("stat")
	deadline := time.Now().Add(2 * unconfirmed)
	for time.Now().Before(deadline) {
		os.Lstat(dir + "/d/sub/f")
		time.Sleep(50 * time.Millisecond)
	}
	// A few are due: each directory and the file once, as they are confirmed again.
	if more := tree.count("stat") - stats; more > 4 {
		t.Errorf("%d stats in two seconds though the stream is back", more)
	}
}

func TestWatchThatFails(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	tree.put("/f", []byte(oldText))
	tree.fail("watch ", syscall.EIO)
	var logged safeBuilder
	dir, m := mounted(t, tree, Options{Log: logTo(&logged)})
	eventually(t, "the failure is noticed", func() bool { return !m.Stats().Watched })
	wantContent(t, dir+"/f", oldText)
	tree.put("/f", []byte(newText))
	eventually(t, "changes are seen all the same", sees(dir+"/f", newText))
	eventually(t, "it is logged", func() bool { return strings.Contains(logged.String(), "invalidations are not to be had") })
}

// Dropping a directory in the kernel would make getcwd fail for programs in it.
func TestWorkingDirectorySurvivesInvalidation(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/sub/f", []byte("x"))
	dir, _ := mounted(t, tree, Options{})
	sh := exec.Command("sh", "-c", "echo in; read go; pwd -P; cat f; ls")
	sh.Dir = dir + "/d/sub"
	in, _ := sh.StdinPipe()
	out, _ := sh.StdoutPipe()
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, 3))
	tree.push("/d", "/d/sub", "/d/sub/f", "/")
	tree.lose()
	tree.push("/d/sub")
	time.Sleep(20 * time.Millisecond) // for the kernel to be told; nothing can tell us when
	fmt.Fprintln(in, "go")
	got, _ := io.ReadAll(out)
	if err := sh.Wait(); err != nil || string(got) != dir+"/d/sub\nxf\n" {
		t.Errorf("the shell says %q, %v", got, err)
	}
}

func TestChangedAttributesAreSeenWhenPushed(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", []byte("x"))
	dir, _ := mounted(t, tree, Options{})
	wantContent(t, dir+"/f", "x")
	reads := tree.count("read")
	tree.update("/f", func(i *client.Info) { i.Mode = 0o600 })
	tree.push("/f")
	eventually(t, "the new mode is seen", func() bool {
		info, err := os.Stat(dir + "/f")
		return err == nil && info.Mode().Perm() == 0o600
	})
	wantContent(t, dir+"/f", "x")
	if tree.count("read") != reads {
		t.Error("pages of an unchanged version were dropped")
	}
}

// When the stream breaks, as it does when another master leads, everything is asked for again, and no page of a version
// that is still the same is read again.
func TestPagesStayWhenTheStreamBreaks(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	tree.put("/d/f", []byte("x"))
	dir, m := mounted(t, tree, Options{})
	wantContent(t, dir+"/d/f", "x")
	reads, stats := tree.count("read"), tree.count("stat")
	forgotten := m.Stats().Forgotten
	tree.lose()
	tree.push("/elsewhere")
	eventually(t, "the stream is back", func() bool { return m.Stats().Watched && m.Stats().Forgotten > forgotten })
	eventually(t, "it is asked for again", func() bool {
		wantContent(t, dir+"/d/f", "x")
		return tree.count("stat") > stats
	})
	wantContent(t, dir+"/d/f", "x")
	if tree.count("read") != reads {
		t.Error("pages of an unchanged version were dropped")
	}
}

// What is open must go on while no master answers, reads at the end of the file too.
func TestOpenFileNeedsNoMaster(t *testing.T) {
	for what, o := range map[string]Options{"with OPEN": {}, "without": {NoOpen: true}} {
		t.Run(what, func(t *testing.T) {
			tree := newMemTree()
			tree.silent = true
			tree.put("/f", randomBytes(100_000))
			o.AttrTimeout, o.EntryTimeout = time.Millisecond, time.Millisecond
			dir, _ := mounted(t, tree, o)
			f, err := os.Open(dir + "/f")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			tree.fail("stat /f", syscall.EAGAIN)
			time.Sleep(2 * time.Millisecond) // what the kernel and the mount believe is over
			got, err := io.ReadAll(f)
			if err != nil || !bytes.Equal(got, randomBytes(100_000)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if !o.NoOpen { // without, names are believed until the kernel's clock says otherwise
				_, err := f.Stat()
				wantErrno(t, "stat of what is open", err, 0)
				_, err = os.Open(dir + "/f")
				wantErrno(t, "opening by name", err, syscall.EIO)
				return
			}
			eventually(t, "what the name means is asked for again", func() bool {
				f, err := os.Open(dir + "/f")
				if err == nil {
					f.Close()
				}
				return errnoIn(err) == syscall.EIO
			})
		})
	}
}
