package ufstest_test

import (
	"bytes"
	"context"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
)

func TestFaultyByPlan(t *testing.T) {
	inner := mem.New()
	data := ufstest.Bytes(1000)
	inner.Put("dir/f", data)
	inner.Put("dir/g", data)
	u := ufstest.Faulty(inner,
		ufstest.Fault{Op: "stat", Name: "dir/f", Skip: 1, Times: 2, Err: syscall.EIO},
		ufstest.Fault{Op: "read", Name: "dir/f", Times: 1, After: 300, Err: syscall.ETIMEDOUT},
		ufstest.Fault{Op: "read", Name: "dir/f", Times: 1, After: 300},
		ufstest.Fault{Op: "list", After: 1, Times: 1, Err: syscall.EAGAIN},
		ufstest.Fault{Op: "commit", Err: syscall.ENOSPC},
		ufstest.Fault{Op: "write", Name: "w", Err: syscall.EDQUOT},
		ufstest.Fault{Op: "mkdir", Err: syscall.EROFS}, ufstest.Fault{Op: "remove", Err: syscall.EROFS}, ufstest.Fault{Op: "rename", Err: syscall.EROFS},
		ufstest.Fault{Op: "create", Name: "no", Err: syscall.EACCES}, ufstest.Fault{Op: "open", Name: "dir/g", Err: syscall.ESTALE},
	)
	ctx := t.Context()
	var info ufs.Info
	for i, want := range []syscall.Errno{0, syscall.EIO, syscall.EIO, 0} {
		got, err := u.Stat(ctx, "dir/f")
		if ufs.Errno(err) != want {
			t.Errorf("stat %d: %v", i, err)
		}
		info = got
	}
	if got, err := ufstest.Read(ctx, u, "dir/f", info.Version, 0, 1000); ufs.Errno(err) != syscall.ETIMEDOUT || len(got) != 300 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := ufstest.Read(ctx, u, "dir/f", info.Version, 0, 1000); err != nil || len(got) != 300 {
		t.Errorf("a body that lies: %d bytes, %v", len(got), err)
	}
	if got, err := ufstest.Read(ctx, u, "dir/f", info.Version, 0, 1000); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if all, err := ufstest.Collect(ctx, u, "dir"); ufs.Errno(err) != syscall.EAGAIN || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	_, err := u.Open(ctx, "dir/g", "v", 0, 1)
	ufstest.WantErrno(t, err, syscall.ESTALE)
	_, err = u.Create(ctx, "no", 0o644)
	ufstest.WantErrno(t, err, syscall.EACCES)
	w, err := u.Create(ctx, "w", 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(data)
	ufstest.WantErrno(t, err, syscall.EDQUOT)
	_, err = w.Commit(ctx)
	ufstest.WantErrno(t, err, syscall.ENOSPC)
	_, err = u.Stat(ctx, "w")
	ufstest.WantErrno(t, err, syscall.ENOENT)
	ufstest.WantErrno(t, u.Mkdir(ctx, "d", 0o755), syscall.EROFS)
	ufstest.WantErrno(t, u.Remove(ctx, "d"), syscall.EROFS)
	ufstest.WantErrno(t, u.Rename(ctx, "d", "e"), syscall.EROFS)
	if u.Calls("stat") != 5 || u.Calls("read") != 3 {
		t.Errorf("%d stats, %d reads", u.Calls("stat"), u.Calls("read"))
	}
}

// Without a plan, Faulty and Slow are the UFS that they wrap.
func TestWrappersPassTheSuite(t *testing.T) {
	for name, wrap := range map[string]func(ufs.UFS) ufs.UFS{
		"faulty": func(u ufs.UFS) ufs.UFS { return ufstest.Faulty(u) },
		"slow":   func(u ufs.UFS) ufs.UFS { return ufstest.Slow(u, ufstest.Slowness{}) },
	} {
		t.Run(name, func(t *testing.T) {
			ufstest.Run(t, func(*testing.T) ufstest.Fixture {
				u := mem.New()
				return ufstest.Fixture{
					UFS:    wrap(u),
					Put:    func(_ testing.TB, name string, data []byte) { u.Put(name, data) },
					Mkdir:  func(_ testing.TB, name string) { u.MakeDir(name) },
					Remove: func(_ testing.TB, name string) { u.Delete(name) },
				}
			})
		})
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		inner.Put("f", ufstest.Bytes(1000))
		u := ufstest.Slow(inner, ufstest.Slowness{Latency: time.Second, Chunk: 100, Pause: 10 * time.Second})
		begin := time.Now()
		info, err := u.Stat(t.Context(), "f")
		if err != nil || time.Since(begin) != time.Second {
			t.Errorf("stat took %v, %v", time.Since(begin), err)
		}
		r, err := u.Open(t.Context(), "f", info.Version, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(r, make([]byte, 1000)); n != 1000 || time.Since(begin) != 102*time.Second {
			t.Errorf("%d bytes after %v, %v", n, time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err = u.Stat(ctx, "f")
		ufstest.WantErrno(t, err, syscall.ETIMEDOUT)
		_, err = ufstest.Collect(ctx, u, "")
		ufstest.WantErrno(t, err, syscall.ETIMEDOUT)
	})
}

func TestSlowStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		data := ufstest.Bytes(1000)
		inner.Put("f", data)
		release := make(chan struct{})
		u := ufstest.Slow(inner, ufstest.Slowness{StallAfter: 400, Release: release})
		info, _ := u.Stat(t.Context(), "f")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r, err := u.Open(ctx, "f", info.Version, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(r, make([]byte, 1000)); n != 400 || ufs.Errno(err) != syscall.ETIMEDOUT {
			t.Errorf("%d bytes, %v", n, err)
		}
		time.AfterFunc(time.Minute, func() { close(release) })
		if got, err := ufstest.Read(t.Context(), u, "f", info.Version, 0, 1000); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}
