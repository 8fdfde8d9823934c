package worker

import (
	"io/fs"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
	"goosefs/wire/clusterpb"
)

// A mount that is replaced is closed when the last flight has left it, and later reads go to its successor.
func TestRemounted(t *testing.T) {
	var b *stand
	var opened []*counted
	b = newStand(t, Options{OpenUFS: func(string, map[string]string) (ufs.UFS, string, error) {
		opened = append(opened, &counted{UFS: b.mem})
		return opened[len(opened)-1], "mem", nil
	}}, blockcache.Options{})
	b.put(1, "f", 2*mib)
	b.put(2, "g", mib)
	x := b.open(1)
	goOn := make(chan struct{})
	opened[0].misbehave(b.stalling(0, goOn))
	slow := make(chan error, 1)
	go func() {
		_, err := b.read(t.Context(), x, 0, 64*kib)
		slow <- err
	}()
	eventually(t, func() bool { return len(opened[0].asked()) == 1 }, func() string { return "no flight" })
	for _, id := range []int64{1, 2} {
		b.masters.change(id, func(f *clusterpb.FileSource) { f.Options = map[string]string{"key": "new"} })
	}
	b.open(2)
	if len(opened) != 2 || opened[0].isClosed() {
		t.Fatalf("%d opened; the first is closed under a flight: %v", len(opened), opened[0].isClosed())
	}
	close(goOn)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if _, err := b.read(t.Context(), x, mib, 64*kib); err != nil {
		t.Error(err)
	}
	if !opened[0].isClosed() || len(opened[1].asked()) != 1 {
		t.Errorf("the first is closed: %v; the second was asked for %v", opened[0].isClosed(), opened[1].asked())
	}
}

// An under file system that nobody has read for long is closed when the next is opened.
func TestIdleMount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStand(t, Options{}, blockcache.Options{})
		b.put(1, "f", mib)
		b.open(1)
		time.Sleep(mountKept + time.Second)
		b.put(2, "g", mib)
		b.masters.change(2, func(f *clusterpb.FileSource) { f.MountId = 2 })
		b.open(2)
		if !b.source.isClosed() {
			t.Error("it stays open")
		}
	})
}

// Errors of the masters, as a reader is told of them.
func TestUnknownFile(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	for _, c := range []struct{ masters, errno syscall.Errno }{
		{syscall.ENOENT, syscall.ESTALE}, {syscall.ESTALE, syscall.ESTALE}, {syscall.ETIMEDOUT, syscall.ETIMEDOUT},
		{syscall.EAGAIN, syscall.ETIMEDOUT}, {syscall.EISDIR, syscall.EISDIR},
	} {
		b.masters.fail(&fs.PathError{Op: "source", Path: "x", Err: c.masters})
		_, err := b.sources.of(t.Context(), 7<<24|blockMask)
		mustFail(t, err, c.errno)
	}
	b.masters.fail(nil)
	b.put(1, "f", mib)
	b.masters.change(1, func(f *clusterpb.FileSource) { f.Persisted = false })
	_, err := b.read(t.Context(), b.open(1), 0, mib)
	mustFail(t, err, syscall.EIO, "no worker has these bytes")
}

// The cache may hold something else under an id that the masters have given anew. It is not mixed with that.
func TestOtherShape(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	b.put(1, "f", mib)
	x := b.open(1)
	x.src, x.info.Length = nil, 2*mib
	_, err := b.fills.sources.ofFile(t.Context(), x)
	mustFail(t, err, syscall.ESTALE)
}
