package worker

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"goosefs/blockcache"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

// wantRest asks for the rest of a file, as a mount does whose reader has gone.
func wantRest(t *testing.T, conn *net.UnixConn, file int64) *clusterpb.HandoutReply {
	t.Helper()
	if err := wire.SendPacket(conn, &clusterpb.HandoutRequest{ClusterId: "one", FileId: file, Fill: true}, nil); err != nil {
		t.Fatal(err)
	}
	var reply clusterpb.HandoutReply
	f, err := wire.ReceivePacket(conn, &reply)
	if err != nil || f != nil {
		t.Fatal(f, err)
	}
	return &reply
}

// A file of which a part was read is whole in a moment once somebody wants the rest, and is handed out.
func TestRestIsFetched(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(11*mib + 3)
	block := s.put(1, "f", data)
	if _, _, err := read(t.Context(), s.client(), request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	conn := dialHandouts(t, path)
	reply, f := askFor(t, conn, "one", block|blockMask)
	if f != nil || !reply.GetPartial() || reply.GetWorkerId() != s.worker.ID() {
		t.Fatalf("of a part: %v", reply)
	}
	// The disk is behind for a moment: then it is tried again.
	if err := s.worker.fills.keeping.Acquire(t.Context(), s.worker.fills.all); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t.Context(), s.client(), request(block+1, 0, mib)); err != nil {
		t.Fatal(err)
	}
	s.worker.fills.keeping.Release(s.worker.fills.all)
	for range 2 { // whoever asks again does no harm
		if reply := wantRest(t, conn, block|blockMask); !reply.GetLater() {
			t.Fatalf("it is not to be fetched: %v", reply)
		}
	}
	eventually(t, func() bool { _, f = askFor(t, conn, "one", block|blockMask); return f != nil }, func() string { return "it is never whole" })
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What turns out to be damaged after a restart is fetched again, too.
func TestRestOfADamagedFile(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(9*mib + 3)
	block := s.put(1, "f", data)
	file := block | blockMask
	if _, err := s.worker.rests.fetch(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	s.stopWorker()
	err := filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != fmt.Sprint(file) {
			return err
		}
		f, err := os.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt([]byte("damage"), 5*mib)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.startWorker()
	if n, err := s.worker.rests.fetch(t.Context(), file); n != 64*kib || err != nil {
		t.Errorf("%d bytes were fetched, %v", n, err)
	}
	_, f := askFor(t, dialHandouts(t, path), "one", file)
	if f == nil {
		t.Fatal("it is not handed out")
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// While others fetch it waits, but not for ever.
func TestRestYields(t *testing.T) {
	s, _ := handoutSite(t)
	other := s.put(1, "other", randomBytes(mib))
	file := s.put(2, "f", randomBytes(3*mib)) | blockMask
	goOn, came := make(chan struct{}), make(chan error, 1)
	s.source.misbehave((&stand{over: goOn}).stalling(0, goOn))
	go func() {
		_, _, err := read(t.Context(), s.client(), request(other, 0, mib))
		came <- err
	}()
	eventually(t, func() bool { return len(s.source.asked()) > 0 && s.worker.fills.busy() }, func() string { return "nothing is fetched" })
	s.source.misbehave(nil)
	if n, err := s.worker.rests.fetch(t.Context(), file); n != 3*mib || err != nil {
		t.Errorf("%d bytes beside a reader who waits, %v", n, err)
	}
	if !s.worker.fills.busy() {
		t.Error("the reader does not wait any more")
	}
	close(goOn)
	if err := <-came; err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return !s.worker.fills.busy() }, func() string { return "something is fetched still" })
}

// A file that is large for the cache is not fetched for nobody in particular, nor is one for which there is no room, nor
// one that is gone; a worker that has much to do already says so.
func TestRestIsNotFetched(t *testing.T) {
	s, _ := handoutSite(t)
	large := s.put(1, "large", randomBytes(20*mib)) // of 64 MiB
	if n, err := s.worker.rests.fetch(t.Context(), large|blockMask); n != 0 || err != errLarge {
		t.Errorf("%d bytes of a large file, %v", n, err)
	}
	gone := s.put(2, "gone", randomBytes(8*mib))
	if err := s.mem.Remove(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.worker.rests.fetch(t.Context(), gone|blockMask); n != 0 || err == nil {
		t.Errorf("%d bytes of a file that is gone, %v", n, err)
	}
	busy := &rests{next: make(chan int64, restsWaiting)} // and nobody works at it
	busy.mu.waiting = make(map[int64]bool)
	for i := range int64(restsWaiting + 1) {
		if added := busy.add(i); added != (i < restsWaiting) {
			t.Errorf("file %d is taken on: %v", i, added)
		}
	}
	if !busy.add(0) {
		t.Error("what waits already is refused")
	}
}

// Room that others use is not taken from them by force: where nothing is evicted the rest is given up.
func TestRestWithoutRoom(t *testing.T) {
	s := newSite(t, 1, Options{Cache: blockcache.Options{Policy: blockcache.NONE, Tiers: []blockcache.Tier{{
		Alias: "SSD", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 40 * mib}},
	}}}})
	for i := range int64(4) {
		block := s.put(1+i, string(rune('a'+i)), randomBytes(9*mib))
		if n, err := s.worker.rests.fetch(t.Context(), block|blockMask); n != 9*mib || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	block := s.put(9, "more", randomBytes(9*mib))
	if _, err := s.worker.rests.fetch(t.Context(), block|blockMask); err == nil {
		t.Error("there was room for what there is no room for")
	}
	for i := range int64(4) {
		if n := s.worker.cache.CachedBytes((1+i)<<24 | blockMask); n != 9*mib {
			t.Errorf("of file %d %d bytes are left", i, n)
		}
	}
}
