package ufstest

import (
	"bytes"
	"io/fs"
	"syscall"
	"testing"

	"goosefs/ufs"
)

type writeTest struct {
	name string
	run  func(t *testing.T, f Fixture)
}

func writeTests() []writeTest {
	return []writeTest{
		{"Create", testCreate}, {"Abort", testAbort}, {"Replace", testReplace}, {"MkdirRemove", testMkdirRemove}, {"Rename", testRename},
		{"Staged", testStaged}, {"Move", testMove},
	}
}

func testReadOnly(t *testing.T, f Fixture) {
	f.Put(t, "f", []byte("x"))
	_, err := f.UFS.Create(t.Context(), "new", 0o644)
	WantErrno(t, err, syscall.EROFS)
	WantErrno(t, f.UFS.Mkdir(t.Context(), "new", 0o755), syscall.EROFS)
	WantErrno(t, f.UFS.Remove(t.Context(), "f"), syscall.EROFS)
	WantErrno(t, f.UFS.Rename(t.Context(), "f", "g"), syscall.EROFS)
}

// write makes an object through the UFS.
func write(t testing.TB, u ufs.UFS, name string, data []byte, mode fs.FileMode) ufs.Info {
	t.Helper()
	w, err := u.Create(t.Context(), name, mode)
	must(t, err)
	for len(data) > 0 {
		n := min(len(data), 1000)
		_, err := w.Write(data[:n])
		must(t, err)
		data = data[n:]
	}
	info, err := w.Commit(t.Context())
	must(t, err)
	return info
}

func testCreate(t *testing.T, f Fixture) {
	data := Bytes(10_000)
	w, err := f.UFS.Create(t.Context(), "f", 0o640)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	_, err = f.UFS.Stat(t.Context(), "f")
	WantErrno(t, err, syscall.ENOENT) // not before Commit
	all, err := Collect(t.Context(), f.UFS, "")
	if err != nil || len(all) != 0 {
		t.Errorf("before Commit the folder lists %v, %v", all, err)
	}
	info, err := w.Commit(t.Context())
	must(t, err)
	if now := stat(t, f.UFS, "f"); now.Version != info.Version || info.Size != 10_000 || info.Mode != 0o640 || info.Name != "f" {
		t.Errorf("Commit says %+v, Stat %+v", info, now)
	}
	got, err := Read(t.Context(), f.UFS, "f", info.Version, 0, info.Size)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	_, err = w.Commit(t.Context())
	WantErrno(t, err, syscall.EBADF)
	WantErrno(t, w.Abort(), syscall.EBADF)
	_, err = w.Write(data)
	WantErrno(t, err, syscall.EBADF)
	if empty := write(t, f.UFS, "empty", nil, 0o644); empty.Size != 0 {
		t.Errorf("an empty object: %+v", empty)
	}
	_, err = f.UFS.Create(t.Context(), "none/f", 0o644)
	WantErrno(t, err, syscall.ENOENT)
	_, err = f.UFS.Create(t.Context(), "f/below", 0o644)
	WantErrno(t, err, syscall.ENOTDIR)
	_, err = f.UFS.Create(t.Context(), "", 0o644)
	WantErrno(t, err, syscall.EBUSY)
	f.Mkdir(t, "dir")
	_, err = f.UFS.Create(t.Context(), "dir", 0o644)
	WantErrno(t, err, syscall.EISDIR)
}

func testAbort(t *testing.T, f Fixture) {
	f.Put(t, "kept", []byte("old"))
	for _, name := range []string{"new", "kept"} {
		w, err := f.UFS.Create(t.Context(), name, 0o644)
		must(t, err)
		_, err = w.Write([]byte("half"))
		must(t, err)
		must(t, w.Abort())
		_, err = w.Commit(t.Context())
		WantErrno(t, err, syscall.EBADF)
	}
	all, err := Collect(t.Context(), f.UFS, "")
	if err != nil || len(all) != 1 || all["kept"].Size != 3 {
		t.Errorf("after two Aborts: %v, %v", all, err)
	}
	f.Mkdir(t, "dir")
	w, err := f.UFS.Create(t.Context(), "dir/f", 0o644)
	must(t, err)
	f.Remove(t, "dir") // the folder goes away under the writer
	_, err = w.Commit(t.Context())
	WantErrno(t, err, syscall.ENOENT)
}

func testReplace(t *testing.T, f Fixture) {
	first := write(t, f.UFS, "f", Bytes(100), 0o644)
	second := write(t, f.UFS, "f", Bytes(200), 0o600)
	if first.Version == second.Version || stat(t, f.UFS, "f").Size != 200 {
		t.Errorf("first %+v, second %+v", first, second)
	}
	_, err := Read(t.Context(), f.UFS, "f", first.Version, 0, 100)
	WantErrno(t, err, syscall.ESTALE)
}

func testMkdirRemove(t *testing.T, f Fixture) {
	u, ctx := f.UFS, t.Context()
	must(t, u.Mkdir(ctx, "d", 0o750))
	if info := stat(t, u, "d"); !info.Dir || info.Mode != 0o750 {
		t.Errorf("the new folder: %+v", info)
	}
	WantErrno(t, u.Mkdir(ctx, "d", 0o755), syscall.EEXIST)
	WantErrno(t, u.Mkdir(ctx, "none/d", 0o755), syscall.ENOENT)
	write(t, u, "d/f", []byte("x"), 0o644)
	WantErrno(t, u.Mkdir(ctx, "d/f", 0o755), syscall.EEXIST)
	WantErrno(t, u.Mkdir(ctx, "d/f/g", 0o755), syscall.ENOTDIR)
	WantErrno(t, u.Remove(ctx, "d"), syscall.ENOTEMPTY)
	must(t, u.Remove(ctx, "d/f"))
	WantErrno(t, u.Remove(ctx, "d/f"), syscall.ENOENT)
	must(t, u.Remove(ctx, "d"))
	_, err := u.Stat(ctx, "d")
	WantErrno(t, err, syscall.ENOENT)
	WantErrno(t, u.Remove(ctx, ""), syscall.EBUSY)
}

func testRename(t *testing.T, f Fixture) {
	u, ctx := f.UFS, t.Context()
	data := Bytes(300)
	write(t, u, "a", data, 0o644)
	write(t, u, "b", []byte("b"), 0o644)
	must(t, u.Mkdir(ctx, "d", 0o755))
	WantErrno(t, u.Rename(ctx, "a", "b"), syscall.EEXIST)
	WantErrno(t, u.Rename(ctx, "none", "c"), syscall.ENOENT)
	WantErrno(t, u.Rename(ctx, "a", "none/c"), syscall.ENOENT)
	WantErrno(t, u.Rename(ctx, "d", "d/e"), syscall.EINVAL)
	must(t, u.Rename(ctx, "a", "d/c"))
	must(t, u.Rename(ctx, "d", "e"))
	info := stat(t, u, "e/c")
	got, err := Read(ctx, u, "e/c", info.Version, 0, info.Size)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("after two renames: %d bytes, %v", len(got), err)
	}
	_, err = u.Stat(ctx, "a")
	WantErrno(t, err, syscall.ENOENT)
}

// What waits under a staged name is no part of a listing, and in nobody's way; once it has its own name it is an object
// like any other.
func testStaged(t *testing.T, f Fixture) {
	u, ctx := f.UFS, t.Context()
	must(t, ufs.MkdirAll(ctx, u, "a/b"))
	must(t, ufs.MkdirAll(ctx, u, "a/b"))
	staged := ufs.Staged("a/b/f", 0x1ffffff)
	data := Bytes(500)
	write(t, u, staged, data, 0o644)
	if all, err := Collect(ctx, u, "a/b"); err != nil || len(all) != 0 {
		t.Errorf("the folder lists %v, %v", all, err)
	}
	if info := stat(t, u, staged); info.Size != 500 {
		t.Errorf("staged: %+v", info)
	}
	must(t, u.Rename(ctx, staged, "a/b/f"))
	info := stat(t, u, "a/b/f")
	if got, err := Read(ctx, u, "a/b/f", info.Version, 0, info.Size); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	WantErrno(t, ufs.MkdirAll(ctx, u, "a/b/f/g"), syscall.ENOTDIR)
	write(t, u, staged, data, 0o644)
	WantErrno(t, u.Rename(ctx, staged, "a/b/f"), syscall.EEXIST)
	must(t, u.Remove(ctx, "a/b/f"))
	must(t, u.Remove(ctx, "a/b"))
	_, err := u.Stat(ctx, "a/b")
	WantErrno(t, err, syscall.ENOENT)
}

// testMove is for kinds in which a renamed object has another version: the one that Move tells is the one to read.
func testMove(t *testing.T, f Fixture) {
	u, ctx := f.UFS, t.Context()
	m, able := u.(ufs.Mover)
	if !able {
		return
	}
	data := Bytes(300)
	write(t, u, "a", data, 0o644)
	write(t, u, "b", []byte("b"), 0o644)
	must(t, u.Mkdir(ctx, "d", 0o755))
	v := stat(t, u, "a").Version
	for to, want := range map[string]syscall.Errno{"b": syscall.EEXIST, "none/c": syscall.ENOENT} {
		_, err := m.Move(ctx, "a", to, v)
		WantErrno(t, err, want)
	}
	_, err := m.Move(ctx, "none", "c", v)
	WantErrno(t, err, syscall.ENOENT)
	_, err = m.Move(ctx, "a", "d/c", stat(t, u, "b").Version)
	WantErrno(t, err, syscall.ESTALE)
	if stat(t, u, "a").Version != v {
		t.Error("a refused move changed the version")
	}
	for again := range 2 { // who does not know whether it was done does it again
		info, err := m.Move(ctx, "a", "d/c", v)
		if err != nil || info.Version != stat(t, u, "d/c").Version {
			t.Fatalf("move %d: %+v, %v", again, info, err)
		}
		got, err := Read(ctx, u, "d/c", info.Version, 0, info.Size)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("after move %d: %d bytes, %v", again, len(got), err)
		}
	}
	info, err := m.Moved(ctx, "d/c", v)
	if err != nil || info != stat(t, u, "d/c") {
		t.Errorf("what has become of it: %+v, %v", info, err)
	}
	for to, want := range map[string]syscall.Errno{"b": syscall.ESTALE, "d": syscall.ESTALE, "none": syscall.ENOENT} {
		_, err := m.Moved(ctx, to, v)
		WantErrno(t, err, want)
	}
	write(t, u, "d/c", Bytes(301), 0o644)
	_, err = m.Move(ctx, "a", "d/c", v)
	WantErrno(t, err, syscall.ENOENT) // what is there now is another one
	_, err = m.Moved(ctx, "d/c", v)
	WantErrno(t, err, syscall.ESTALE)
}
