package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
	"goosefs/wire/clusterpb"
)

// However many ask for a cold range at once, the source is asked once.
func TestOneFlight(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(0, goOn))
	var group sync.WaitGroup
	for range 100 {
		x := b.open(1)
		group.Go(func() {
			got, err := b.read(t.Context(), x, 0, mib)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	close(goOn)
	group.Wait()
	if got := b.source.asked(); !slices.Equal(got, []string{"f 0+1048576"}) {
		t.Errorf("the source was asked for %v", got)
	}
	if b.masters.mu.asked != 1 {
		t.Errorf("the masters were asked %d times", b.masters.mu.asked)
	}
	b.cached(1, mib)
}

// A slow source's bytes reach the reader, and the cache, before the flight ends, where they are proven as they come.
func TestTee(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(300*kib, goOn))
	x := b.open(1)
	got := make([]byte, mib)
	n, _, err := b.fills.read(t.Context(), x, got, want{0, mib, false}, nil)
	for m := 0; err == nil && int64(n) < 300*kib; n += m {
		m, _, err = b.fills.read(t.Context(), x, got[n:], want{int64(n), mib - int64(n), false}, nil)
	}
	if err != nil || int64(n) != 300*kib || !bytes.Equal(got[:n], data[:n]) {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	b.cached(1, 256*kib)
	close(goOn)
	if got, err := b.read(t.Context(), x, 0, mib); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
}

// A file that is freed while it comes in is not cached by what comes later; its reader gets all of it.
func TestFreedInFlight(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(300*kib, goOn))
	x := b.open(1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := b.read(ctx, x, 0, mib); int64(len(got)) != 300*kib || err == nil {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	b.cached(1, 256*kib)
	b.fills.mu.Lock()
	fl := b.fills.mu.flights[x.info.ID][0]
	b.fills.mu.Unlock()
	b.fills.forget([]int64{x.info.ID, 99<<24 | blockMask})
	b.cache.Drop(x.info.ID)
	rest := make(chan []byte, 1)
	go func() {
		got, err := b.read(t.Context(), x, 0, mib)
		if err != nil {
			t.Error(err)
		}
		rest <- got
	}()
	close(goOn)
	if !bytes.Equal(<-rest, data) {
		t.Error("the reader did not get what it asked for")
	}
	<-fl.landed
	b.cached(1, 0)
}

// A source that proves its bytes only by the last of them: until then nobody sees one, and if the proof fails, nobody
// ever does.
func TestLateProof(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	b.source.late = true
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(mib-1, goOn))
	x := b.open(1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := b.read(ctx, x, 0, mib); len(got) > 0 || err != context.DeadlineExceeded {
		t.Fatalf("%d bytes were seen before their proof, %v", len(got), err)
	}
	close(goOn)
	if got, err := b.read(t.Context(), x, 0, mib); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}

	b.put(2, "g", mib)
	gone := &fs.PathError{Op: "read", Path: "mem:/g", Err: syscall.ESTALE}
	b.source.misbehave(func(_, _ int64, r io.ReadCloser) io.ReadCloser {
		return &ufs.Exact{Body: r, Length: mib, End: func() error { return gone }}
	})
	got, err := b.read(t.Context(), b.open(2), 0, mib)
	mustFail(t, err, syscall.ESTALE, "file changed in UFS since open", "/g")
	if len(got) > 0 {
		t.Errorf("%d bytes of a version that was not proven were seen", len(got))
	}
	b.cached(2, 0)
}

// A body that breaks off is taken up where it broke.
func TestResume(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	b.source.misbehave(breaking(400*kib, &fs.PathError{Op: "read", Path: "mem:/f", Err: syscall.ECONNRESET}))
	got, err := b.read(t.Context(), b.open(1), 0, mib)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
	if got := b.source.asked(); !slices.Equal(got, []string{"f 0+1048576", "f 409600+638976", "f 819200+229376"}) {
		t.Errorf("the source was asked for %v", got)
	}
	b.cached(1, mib)
}

// What a source may do wrong, and what the reader is told. A reader must never take it for trouble with the worker.
func TestSourceFails(t *testing.T) {
	at := func(errno syscall.Errno) error { return &fs.PathError{Op: "read", Path: "http://source/f", Err: errno} }
	for _, c := range []struct {
		name  string
		end   error
		errno syscall.Errno
		words []string
		opens int
	}{
		{"busy", at(syscall.EAGAIN), syscall.EIO, []string{"http://source/f"}, 3},
		{"silent by its own clock", at(syscall.ETIMEDOUT), syscall.EIO, []string{"http://source/f"}, 3},
		{"sick", at(syscall.EIO), syscall.EIO, []string{"http://source/f"}, 1},
		{"forbids", at(syscall.EACCES), syscall.EACCES, []string{"http://source/f"}, 1},
		{"does not have it any more", at(syscall.ENOENT), syscall.ESTALE, []string{"file changed in UFS since open", "/f"}, 1},
		{"has another version", at(syscall.ESTALE), syscall.ESTALE, []string{"file changed in UFS since open", "/f"}, 1},
		{"ends early without a word", io.EOF, syscall.EIO, nil, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newStand(t, Options{}, blockcache.Options{})
			b.put(1, "f", mib)
			b.source.misbehave(breaking(0, c.end))
			_, err := b.read(t.Context(), b.open(1), 0, mib)
			mustFail(t, err, c.errno, c.words...)
			if n := len(b.source.asked()); n != c.opens {
				t.Errorf("the source was asked %d times, want %d", n, c.opens)
			}
			// It is not remembered: once the source is well, reads are.
			b.source.misbehave(nil)
			if _, err := b.read(t.Context(), b.open(1), 0, mib); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that was changed in the source is not served in its new version under the old id, nor mixed with it.
func TestChangedVersion(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", 8*mib)
	x := b.open(1)
	if _, err := b.read(t.Context(), x, 0, 4*mib); err != nil {
		t.Fatal(err)
	}
	b.cached(1, 4*mib)
	b.mem.Put("f", make([]byte, 8*mib))
	if got, err := b.read(t.Context(), x, 0, mib); err != nil || !bytes.Equal(got, data[:mib]) {
		t.Fatalf("what is cached is not to be had: %v", err)
	}
	_, err := b.read(t.Context(), x, 5*mib, mib)
	mustFail(t, err, syscall.ESTALE)
	b.cached(1, 4*mib)
}

// A file that was moved within the source, through the masters, keeps its id.
func TestRenamed(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	x := b.open(1)
	if err := b.mem.Rename(t.Context(), "f", "g"); err != nil {
		t.Fatal(err)
	}
	b.masters.fail(&fs.PathError{Op: "source", Path: "masters", Err: syscall.ETIMEDOUT})
	_, err := b.read(t.Context(), x, 0, mib)
	mustFail(t, err, syscall.ETIMEDOUT) // perhaps it was moved, perhaps it is gone: nobody knows
	b.masters.fail(nil)
	b.masters.change(1, func(f *clusterpb.FileSource) { f.Name = "g" })
	if got, err := b.read(t.Context(), x, 0, mib); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
}

// A reader that goes away leaves the flight to the others.
func TestCancelledReader(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", mib)
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(0, goOn))
	x := b.open(1)
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := b.read(ctx, x, 0, mib)
		left <- err
	}()
	go func() {
		got, err := b.read(t.Context(), x, 0, mib)
		if err == nil && !bytes.Equal(got, data) {
			err = errors.New("wrong bytes")
		}
		stayed <- err
	}()
	eventually(t, func() bool { return len(b.source.asked()) == 1 }, func() string { return "no flight" })
	cancel()
	if err := <-left; err != context.Canceled {
		t.Error(err)
	}
	close(goOn)
	if err := <-stayed; err != nil {
		t.Error(err)
	}
	if n := len(b.source.asked()); n != 1 {
		t.Errorf("the source was asked %d times", n)
	}
}

// A cache that refuses everything slows no read, and does not make the source pay twice for a reader in order.
func TestNothingKept(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{Policy: blockcache.NONE, Tiers: []blockcache.Tier{{
		Alias: "MEM", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 64 << 10}},
	}}})
	data := b.put(1, "f", 12*mib)
	got, err := b.read(t.Context(), b.open(1), 0, 12*mib)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
	if n := b.fills.counts.fromUFS.Load(); n != 12*mib {
		t.Errorf("%d bytes were fetched for %d", n, 12*mib)
	}
	eventually(t, func() bool { return b.fills.refused.Load() != 0 }, func() string { return "the refusal went unnoticed" })
	b.fills.mu.Lock()
	defer b.fills.mu.Unlock()
	if b.fills.mu.bytes > b.fills.lingers {
		t.Errorf("%d bytes linger", b.fills.mu.bytes)
	}
}

// While as much waits for slow disks as may, reads go on, and what they bring is not kept.
func TestDisksBehind(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", 2*mib)
	if err := b.fills.keeping.Acquire(t.Context(), b.fills.all); err != nil {
		t.Fatal(err)
	}
	if got, err := b.read(t.Context(), b.open(1), 0, mib); err != nil || !bytes.Equal(got, data[:mib]) {
		t.Fatal(err)
	}
	if !b.fills.tight() {
		t.Error("nobody notices that the disks are behind")
	}
	b.fills.keeping.Release(b.fills.all)
	if got, err := b.read(t.Context(), b.open(1), mib, mib); err != nil || !bytes.Equal(got, data[mib:]) {
		t.Fatal(err)
	}
	b.cached(1, mib)
}

// A mount may have its share under way while as much again waits for the disks: a reader of a source that is far is not
// told that the disks are behind because of what is fetched for it.
func TestShareUnderWay(t *testing.T) {
	b := newStand(t, Options{FillRange: mib, FillConcurrency: 8}, blockcache.Options{})
	b.put(1, "f", 4*mib)
	if err := b.fills.keeping.Acquire(t.Context(), b.fills.share); err != nil {
		t.Fatal(err)
	}
	goOn := make(chan struct{})
	b.source.misbehave(b.stalling(0, goOn))
	if err := b.fills.prepare(t.Context(), b.open(1), 0, 4*mib); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	b.cached(1, 4*mib)
	if b.fills.tight() {
		t.Error("the disks are said to be behind")
	}
}

// What the cache refused stays for its readers for a moment, and then goes.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStand(t, Options{FillRange: mib, FillConcurrency: 4}, blockcache.Options{})
		b.put(1, "f", 4*mib)
		x := b.open(1)
		x.keep = false
		for i := range int64(3) {
			if _, err := b.read(t.Context(), x, i*mib, 1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		asked := len(b.source.asked())
		if _, err := b.read(t.Context(), x, 2*mib, 1); err != nil || len(b.source.asked()) != asked {
			t.Fatalf("it was fetched again, or %v", err)
		}
		time.Sleep(lingerFor + time.Second)
		synctest.Wait()
		if b.fills.mu.bytes != 0 || len(b.fills.mu.flights) != 0 {
			t.Errorf("%d bytes linger, %d flights", b.fills.mu.bytes, len(b.fills.mu.flights))
		}
	})
}

// A silent source is given up in time, and its readers are told where it is.
func TestSilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStand(t, Options{}, blockcache.Options{})
		b.put(1, "f", mib)
		b.source.UFS = hung{b.mem}
		began := time.Now()
		_, err := b.read(t.Context(), b.open(1), 0, mib)
		mustFail(t, err, syscall.EIO, "hung:/f", "nothing came for 25s")
		if took := time.Since(began); took != 25*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// hung is a source that never answers an Open.
type hung struct{ ufs.UFS }

func (h hung) Open(ctx context.Context, name string, _ ufs.Version, _, _ int64) (io.ReadCloser, error) {
	<-ctx.Done()
	return nil, ufs.Ended("open", "hung:/"+name, ctx.Err())
}

// A flight that nobody has waited for for long is given up; whoever comes then gets a new one.
func TestForsaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStand(t, Options{}, blockcache.Options{})
		data := b.put(1, "f", mib)
		b.source.misbehave(func(_, _ int64, r io.ReadCloser) io.ReadCloser { return trickle{r} })
		x := b.open(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.read(ctx, x, 0, mib); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
		time.Sleep(forsakenFor + 3*time.Second)
		synctest.Wait()
		if n := len(b.fills.mu.flights); n != 0 {
			t.Fatalf("%d flights go on", n)
		}
		b.source.misbehave(nil)
		if got, err := b.read(t.Context(), x, 0, mib); err != nil || !bytes.Equal(got, data) {
			t.Fatal(err)
		}
	})
}

// trickle brings 4 KiB a second.
type trickle struct{ io.ReadCloser }

func (t trickle) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return t.ReadCloser.Read(p[:min(len(p), 4096)])
}

// A sick mount holds up its own readers only.
func TestShare(t *testing.T) {
	goOn := make(chan struct{})
	var b *stand
	b = newStand(t, Options{FillRange: mib, FillConcurrency: 4, OpenUFS: func(uri string, _ map[string]string) (ufs.UFS, string, error) {
		if uri == "sick://" {
			sick := &counted{UFS: b.mem}
			sick.misbehave(b.stalling(0, goOn))
			return sick, "mem", nil
		}
		return b.source, "mem", nil
	}}, blockcache.Options{})
	b.put(1, "sick", 16*mib)
	b.masters.change(1, func(f *clusterpb.FileSource) { f.Ufs, f.MountId = "sick://", 2 })
	data := b.put(2, "well", 4*mib)
	x := b.open(1)
	var group sync.WaitGroup
	for i := range int64(16) {
		group.Go(func() { b.read(t.Context(), x, i*mib, mib) })
	}
	eventually(t, func() bool { return !x.src.fetching.TryAcquire(1) }, func() string { return "the sick mount's share is not used up" })
	if got, err := b.read(t.Context(), b.open(2), 0, 4*mib); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the mount that is well: %v", err)
	}
	close(goOn)
	group.Wait()
}

// Whoever waits too long for a turn is told.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStand(t, Options{FillRange: mib, FillConcurrency: 1, UFSWait: 10 * time.Second}, blockcache.Options{})
		b.put(1, "f", 2*mib)
		b.source.misbehave(func(_, _ int64, r io.ReadCloser) io.ReadCloser { return trickle{r} })
		x := b.open(1)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := b.read(ctx, x, 0, mib)
			first <- err
		}()
		synctest.Wait()
		_, err := b.read(t.Context(), x, mib, 1)
		mustFail(t, err, syscall.EIO, "/f", "no turn came for 10s")
		cancel()
		<-first
	})
}

// ensure brings a long range into the cache, several flights at a time.
func TestEnsure(t *testing.T) {
	b := newStand(t, Options{FillRange: mib}, blockcache.Options{})
	b.put(1, "f", 12*mib+1)
	x := b.open(1)
	if _, err := b.read(t.Context(), x, 5*mib, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.fills.ensure(t.Context(), x, 0, 12*mib+1); err != nil {
		t.Fatal(err)
	}
	if got := b.cache.CachedBytes(x.info.ID); got != 12*mib+1 {
		t.Errorf("%d bytes are cached", got)
	}
	if n := b.fills.counts.fromUFS.Load(); n != 12*mib+1 {
		t.Errorf("%d bytes were fetched", n)
	}
	b.put(2, "g", mib)
	b.source.misbehave(breaking(0, &fs.PathError{Op: "read", Path: "mem:/g", Err: syscall.EIO}))
	mustFail(t, b.fills.ensure(t.Context(), b.open(2), 0, mib), syscall.EIO)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.fills.ensure(ctx, b.open(2), 0, mib); err == nil {
		t.Error("a cancelled call goes well")
	}
}

// What the cache refused while its disk was behind, it is offered again by whoever wants it cached, and not fetched again.
func TestEnsureInsists(t *testing.T) {
	b := newStand(t, Options{FillRange: mib}, blockcache.Options{})
	b.put(1, "f", 3*mib)
	if err := b.fills.keeping.Acquire(t.Context(), b.fills.all); err != nil {
		t.Fatal(err)
	}
	x := b.open(1)
	if err := b.fills.ensure(t.Context(), x, 0, 3*mib); err != nil {
		t.Fatal(err)
	}
	if got := b.cache.CachedBytes(x.info.ID); got != 3*mib {
		t.Errorf("%d bytes are cached", got)
	}
	if n := b.fills.counts.fromUFS.Load(); n != 3*mib {
		t.Errorf("%d bytes were fetched", n)
	}
	if !b.fills.tight() {
		t.Error("nobody noticed that the disk was behind")
	}
	b.fills.keeping.Release(b.fills.all)
}

// A cache that has no room, and stays so, is an error that says so.
func TestEnsureWithoutRoom(t *testing.T) {
	b := newStand(t, Options{FillRange: mib}, blockcache.Options{Policy: blockcache.NONE, Tiers: []blockcache.Tier{{
		Alias: "MEM", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 2 * mib}},
	}}})
	b.put(1, "f", 4*mib)
	mustFail(t, b.fills.ensure(t.Context(), b.open(1), 0, 4*mib), syscall.ENOSPC, "/f", "has no room")
}

// Random reads cost the source little more than they ask for.
func TestRandomReads(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{})
	data := b.put(1, "f", 32*mib)
	x := b.open(1)
	var asked int64
	for i := range int64(64) {
		off := i * 37 % 64 * 512 * kib
		got, err := b.read(t.Context(), x, off, 64*kib)
		if err != nil || !bytes.Equal(got, data[off:off+64*kib]) {
			t.Fatal(err)
		}
		asked += 64 * kib
	}
	if n := b.fills.counts.fromUFS.Load(); n*10 > asked*11 {
		t.Errorf("%d bytes were fetched for %d", n, asked)
	}
}
