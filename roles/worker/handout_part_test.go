package worker

import (
	"bytes"
	"net"
	"os"
	"testing"

	"goosefs/blockcache"
	"goosefs/wire/clusterpb"
)

// askPart asks for bytes of a file until they are there, or refused. has is the descriptor that the asker has.
func askPart(t *testing.T, conn *net.UnixConn, has uint64, file, off, n, ahead int64) (*clusterpb.HandoutReply, *os.File) {
	t.Helper()
	for {
		reply, f := askThe(t, conn, &clusterpb.HandoutRequest{
			ClusterId: "one", FileId: file, Worker: "worker:9203", Offset: off, Length: n, Ahead: ahead, Lent: has,
		})
		if !reply.GetLater() {
			return reply, f
		}
	}
}

// Bytes that nobody has are fetched, just those, and are in the descriptor then; with those that will be wanted soon the
// next question finds more.
func TestPartsAreFetched(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(9*mib + 5)
	file := s.put(1, "f", data) | blockMask
	conn := dialHandouts(t, path)
	reply, f := askPart(t, conn, 0, file, 5*mib, 4096, 0)
	if f == nil || reply.GetReady() != chunk || !reply.GetHere() {
		t.Fatalf("%v", reply)
	}
	if n := s.worker.fills.counts.fromUFS.Load(); n != chunk {
		t.Errorf("%d bytes were fetched for 4096", n)
	}
	same := func(off, n int64) {
		t.Helper()
		got := make([]byte, n)
		if _, err := f.ReadAt(got, off); err != nil || !bytes.Equal(got, data[off:off+n]) {
			t.Errorf("%d bytes from %d on: %v", n, off, err)
		}
	}
	same(5*mib, chunk)
	has := reply.GetLent()
	for off := int64(0); off < int64(len(data)); {
		n := min(mib, int64(len(data))-off, 4*mib-off%(4*mib)) // of one block
		reply, again := askPart(t, conn, has, file, off, n, 8*mib)
		if again != nil || reply.GetLent() != has || reply.GetReady() < n {
			t.Fatalf("at %d: %v", off, reply)
		}
		same(off, reply.GetReady())
		off += reply.GetReady()
	}
	if n := s.worker.fills.counts.fromUFS.Load(); n != int64(len(data)) {
		t.Errorf("%d bytes were fetched of %d", n, len(data))
	}
}

// After a restart what is there is verified, and what is damaged is fetched again.
func TestPartsAfterARestart(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(2 * mib)
	block := s.put(1, "f", data)
	if _, _, err := read(t.Context(), s.client(), request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) == mib }, func() string { return "not cached" })
	s.stopWorker()
	s.startWorker()
	reply, f := askPart(t, dialHandouts(t, path), 0, block|blockMask, mib/2, mib, 0)
	if f == nil || reply.GetReady() < mib/2 {
		t.Fatalf("%v", reply)
	}
	got := make([]byte, reply.GetReady())
	if _, err := f.ReadAt(got, mib/2); err != nil || !bytes.Equal(got, data[mib/2:][:len(got)]) {
		t.Error("wrong bytes", err)
	}
	if n := s.worker.fills.counts.fromUFS.Load(); n != mib/2 {
		t.Errorf("%d bytes were fetched", n)
	}
}

// A refusal leaves the asker to a stream.
func TestPartsRefused(t *testing.T) {
	s, path := handoutSite(t)
	file := s.put(1, "f", randomBytes(mib)) | blockMask
	gone := s.put(2, "gone", randomBytes(mib)) | blockMask
	s.mem.Put("gone", randomBytes(5)) // another version
	conn := dialHandouts(t, path)
	for what, req := range map[string]*clusterpb.HandoutRequest{
		"another worker's":        {FileId: file, Worker: "other:9203", Length: 1},
		"in front":                {FileId: file, Worker: "worker:9203", Offset: -1, Length: 1},
		"behind the end":          {FileId: file, Worker: "worker:9203", Offset: mib, Length: 1},
		"longer than the file":    {FileId: file, Worker: "worker:9203", Offset: 1, Length: mib},
		"nothing of what is next": {FileId: file, Worker: "worker:9203", Length: 1, Ahead: -1},
		"unknown":                 {FileId: 99<<24 | blockMask, Worker: "worker:9203", Length: 1},
		"changed at the source":   {FileId: gone, Worker: "worker:9203", Length: 1},
	} {
		req.ClusterId = "one"
		if reply, f := askThe(t, conn, req); f != nil || reply.GetRefused() == "" {
			t.Errorf("%s: %v", what, reply)
		}
	}
}

// A cache that keeps nothing, or is behind, says so at once.
func TestPartsThatAreNotKept(t *testing.T) {
	b := newStand(t, Options{}, blockcache.Options{Policy: blockcache.NONE, Tiers: []blockcache.Tier{{
		Alias: "MEM", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 64 << 10}},
	}}})
	b.put(1, "f", 2*mib)
	if err := b.fills.bring(t.Context(), b.open(1), 0, mib, 0); err != errNotKept {
		t.Errorf("no room: %v", err)
	}
	b = newStand(t, Options{}, blockcache.Options{})
	b.put(1, "f", 2*mib)
	if err := b.fills.keeping.Acquire(t.Context(), b.fills.all); err != nil {
		t.Fatal(err)
	}
	if err := b.fills.bring(t.Context(), b.open(1), 0, mib, mib); err != errNotKept {
		t.Errorf("behind: %v", err)
	}
	b.fills.keeping.Release(b.fills.all)
}
