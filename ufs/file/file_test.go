package file_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/file"
	"goosefs/ufs/ufstest"
)

func mount(t testing.TB, dir string) *file.UFS {
	t.Helper()
	u, err := file.New(dir, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path, data string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(data), 0o644))
}

func TestSuite(t *testing.T) {
	ufstest.Run(t, func(t *testing.T) ufstest.Fixture {
		dir := t.TempDir()
		f := ufstest.Folder(dir)
		f.UFS = mount(t, dir)
		return f
	})
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/f", "x")
	for path, want := range map[string]syscall.Errno{
		"relative": syscall.EINVAL, "": syscall.EINVAL, dir + "/none": syscall.ENOENT, dir + "/f": syscall.ENOTDIR,
	} {
		if _, err := file.New(path, file.Options{}); ufs.Errno(err) != want {
			t.Errorf("New(%q): %v, want %v", path, err, want)
		}
	}
}

// A link may lead anywhere inside the folder, and nowhere else.
func TestSymlinks(t *testing.T) {
	outside := t.TempDir()
	put(t, outside+"/secret", "secret")
	dir := t.TempDir()
	put(t, dir+"/real/f", "data")
	for link, to := range map[string]string{
		"good": "real/f", "gooddir": "real", "real/up": "../real/f",
		"abs": outside + "/secret", "rel": "../" + filepath.Base(outside) + "/secret", "outdir": outside,
		"dangling": "none", "loop": "loop", "real/ring": "..", "self": ".",
	} {
		must(t, os.Symlink(to, dir+"/"+link))
	}
	var log bytes.Buffer
	u, err := file.New(dir, file.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer u.Close()
	all, err := ufstest.Collect(t.Context(), u, "")
	must(t, err)
	if len(all) != 3 || all["good"].Size != 4 || !all["gooddir"].Dir || !all["real"].Dir {
		t.Errorf("listed %v", all)
	}
	if inner, err := ufstest.Collect(t.Context(), u, "real"); err != nil || len(inner) != 2 {
		t.Errorf("below: %v, %v", inner, err)
	}
	if !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("what was left out is not logged: %s", log.String())
	}
	for name, want := range map[string]syscall.Errno{
		"abs": syscall.EACCES, "rel": syscall.EACCES, "outdir/secret": syscall.EACCES, "dangling": syscall.ENOENT, "loop": syscall.ELOOP,
	} {
		_, err := u.Stat(t.Context(), name)
		ufstest.WantErrno(t, err, want)
		_, err = u.Open(t.Context(), name, "1:6:1:1", 0, 6)
		ufstest.WantErrno(t, err, want)
	}
	info, err := u.Stat(t.Context(), "good")
	must(t, err)
	if got, err := ufstest.Read(t.Context(), u, "good", info.Version, 0, 4); err != nil || string(got) != "data" {
		t.Errorf("through a good link: %q, %v", got, err)
	}
	must(t, u.Remove(t.Context(), "abs")) // removes the link, not what it leads to
	if _, err := os.Stat(outside + "/secret"); err != nil {
		t.Error(err)
	}
	if _, err := u.Create(t.Context(), "outdir/new", 0o644); ufs.Errno(err) != syscall.EACCES {
		t.Errorf("a file was made outside: %v", err)
	}
}

// Fifos and sockets are refused at once; nobody waits for a writer.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(dir+"/fifo", 0o644))
	put(t, dir+"/f", "x")
	u := mount(t, dir)
	_, err := u.Stat(t.Context(), "fifo")
	ufstest.WantErrno(t, err, syscall.EACCES)
	_, err = u.Open(t.Context(), "fifo", "1:6:1:1", 0, 6)
	ufstest.WantErrno(t, err, syscall.EACCES)
	all, err := ufstest.Collect(t.Context(), u, "")
	if err != nil || len(all) != 1 {
		t.Errorf("listed %v, %v", all, err)
	}
}

func TestNamesThatCannotBeShown(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/good", "x")
	put(t, dir+"/bad\xff", "x")
	put(t, dir+"/bad\nline", "x")
	all, err := ufstest.Collect(t.Context(), mount(t, dir), "")
	if err != nil || len(all) != 1 {
		t.Errorf("listed %v, %v", all, err)
	}
}

// The file changes between the first and the last byte of one reader.
func TestChangeDuringRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"rewritten": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("b"), 100_000), 0o644) },
		"cut":       func(path string) error { return os.Truncate(path, 10_000) },
		"grown": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir+"/f", strings.Repeat("a", 100_000))
			u := mount(t, dir)
			info, err := u.Stat(t.Context(), "f")
			must(t, err)
			r, err := u.Open(t.Context(), "f", info.Version, 0, info.Size)
			must(t, err)
			defer r.Close()
			_, err = io.ReadFull(r, make([]byte, 50_000))
			must(t, err)
			must(t, change(dir+"/f"))
			must(t, os.Chtimes(dir+"/f", time.Time{}, time.Unix(1, 0))) // even if the clock did not tick
			_, err = io.ReadAll(r)
			ufstest.WantErrno(t, err, syscall.ESTALE)
		})
	}
	t.Run("replaced", func(t *testing.T) { // the old file lives on while it is open
		dir := t.TempDir()
		put(t, dir+"/f", strings.Repeat("a", 100_000))
		u := mount(t, dir)
		info, err := u.Stat(t.Context(), "f")
		must(t, err)
		r, err := u.Open(t.Context(), "f", info.Version, 0, info.Size)
		must(t, err)
		defer r.Close()
		put(t, dir+"/new", strings.Repeat("b", 100_000))
		must(t, os.Rename(dir+"/new", dir+"/f"))
		got, err := io.ReadAll(r)
		if err == nil && string(got) != strings.Repeat("a", 100_000) {
			t.Error("bytes of two versions")
		} else if err != nil {
			ufstest.WantErrno(t, err, syscall.ESTALE) // unlinking changed the old file's ctime
		}
	})
}

// A folder that is gone is an error, never an empty one; made anew, it is found again.
func TestBaseGone(t *testing.T) {
	dir := t.TempDir() + "/base"
	put(t, dir+"/f", "x")
	u := mount(t, dir)
	must(t, os.RemoveAll(dir))
	_, err := u.Stat(t.Context(), "f")
	ufstest.WantErrno(t, err, syscall.EIO)
	if !ufs.Retryable(err) {
		t.Errorf("not retryable: %v", err)
	}
	_, err = ufstest.Collect(t.Context(), u, "")
	ufstest.WantErrno(t, err, syscall.EIO)
	put(t, dir+"/g", "y")
	info, err := u.Stat(t.Context(), "g")
	must(t, err)
	if got, err := ufstest.Read(t.Context(), u, "g", info.Version, 0, 1); err != nil || string(got) != "y" {
		t.Errorf("after the folder came back: %q, %v", got, err)
	}
	_, err = u.Stat(t.Context(), "f")
	ufstest.WantErrno(t, err, syscall.ENOENT)
}

// An unmounted disk leaves an empty folder behind.
func TestBaseUnmounted(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		skip(t, "cannot mount a tmpfs: "+err.Error())
	}
	put(t, dir+"/f", "x")
	u := mount(t, dir)
	must(t, syscall.Unmount(dir, syscall.MNT_DETACH))
	_, err := ufstest.Collect(t.Context(), u, "")
	ufstest.WantErrno(t, err, syscall.EIO)
	_, err = u.Stat(t.Context(), "g")
	ufstest.WantErrno(t, err, syscall.EIO)
}

// skip ends a test that this machine cannot run; GOOSEFS_TEST_ALL=1 says that it must.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Unfinished objects are hidden, reserved, and swept when old.
func TestTemporaryNames(t *testing.T) {
	dir := t.TempDir()
	old := dir + "/sub/.goosefs-OLD.tmp"
	put(t, old, "half")
	must(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)))
	put(t, dir+"/.goosefs-NEW.tmp", "half")
	put(t, dir+"/.goosefs-kept", "whole")
	u := mount(t, dir)
	all, err := ufstest.Collect(t.Context(), u, "")
	if err != nil || len(all) != 2 {
		t.Errorf("listed %v, %v", all, err)
	}
	_, err = u.Stat(t.Context(), ".goosefs-NEW.tmp")
	ufstest.WantErrno(t, err, syscall.EINVAL)
	_, err = u.Create(t.Context(), "sub/.goosefs-X.tmp", 0o644)
	ufstest.WantErrno(t, err, syscall.EINVAL)
	n, err := u.Sweep(t.Context(), time.Hour)
	if err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(dir + "/.goosefs-NEW.tmp"); err != nil {
		t.Error(err)
	}
	put(t, old, "half") // a folder that looks empty can be removed
	must(t, u.Remove(t.Context(), "sub"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = u.Sweep(ctx, 0)
	ufstest.WantErrno(t, err, syscall.ECANCELED)
}

// A disk that is full fails the write, and leaves nothing.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		skip(t, "cannot mount a tmpfs: "+err.Error())
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	u := mount(t, dir)
	total, used, err := u.Capacity(t.Context())
	if err != nil || total != 64<<10 || used < 0 || used > total {
		t.Errorf("capacity %d, used %d, %v", total, used, err)
	}
	w, err := u.Create(t.Context(), "f", 0o644)
	must(t, err)
	_, err = w.Write(make([]byte, 128<<10))
	ufstest.WantErrno(t, err, syscall.ENOSPC)
	must(t, w.Abort())
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestCommitCanceled(t *testing.T) {
	dir := t.TempDir()
	u := mount(t, dir)
	w, err := u.Create(t.Context(), "f", 0o644)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.Commit(ctx)
	ufstest.WantErrno(t, err, syscall.ECANCELED)
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestAfterClose(t *testing.T) {
	u, err := file.New(t.TempDir(), file.Options{})
	must(t, err)
	must(t, u.Close())
	_, err = u.Stat(t.Context(), "f")
	ufstest.WantErrno(t, err, syscall.EBADF)
}

func TestOwner(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/f", "x")
	if os.Chown(dir+"/f", 54321, 54321) != nil {
		skip(t, "cannot give files away")
	}
	info, err := mount(t, dir).Stat(t.Context(), "f")
	if err != nil || info.Owner != "54321" || info.Group != "54321" || info.Mode != 0o644 {
		t.Errorf("%+v, %v", info, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	put(b, dir+"/f", strings.Repeat("x", 4<<20))
	u := mount(b, dir)
	info, err := u.Stat(b.Context(), "f")
	must(b, err)
	b.SetBytes(info.Size)
	for b.Loop() {
		r, err := u.Open(b.Context(), "f", info.Version, 0, info.Size)
		must(b, err)
		_, err = io.Copy(io.Discard, r)
		must(b, err)
		r.Close()
	}
}
