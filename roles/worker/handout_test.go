package worker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

// handoutSite is a site whose worker hands descriptors out, and a connection to it.
func handoutSite(t *testing.T) (s *site, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "below", "socket")
	s = newSite(t, 1, Options{Socket: path})
	s.belong("one", "m0:9200")
	s.masters[0].until("the worker is there", func() bool { return s.masters[0].mu.resets > 0 && s.worker.cache.InCluster("one") })
	s.settled()
	return s, path
}

func dialHandouts(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := wire.DialHandouts(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// askFor asks for a descriptor of a whole file.
func askFor(t *testing.T, conn *net.UnixConn, cluster string, file int64) (*clusterpb.HandoutReply, *os.File) {
	t.Helper()
	return askThe(t, conn, &clusterpb.HandoutRequest{ClusterId: cluster, FileId: file})
}

// askThe asks anything.
func askThe(t *testing.T, conn *net.UnixConn, req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
	t.Helper()
	if err := wire.SendPacket(conn, req, nil); err != nil {
		t.Fatal(err)
	}
	var reply clusterpb.HandoutReply
	f, err := wire.ReceivePacket(conn, &reply)
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		t.Cleanup(func() { f.Close() })
	}
	return &reply, f
}

// A descriptor is of the whole file, and good for as long as it is held, whatever becomes of cache and worker.
func TestHandouts(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(5*mib + 3)
	block := s.put(1, "f", data)
	file := block | blockMask
	if last := s.masters[0].mu.last; last.GetSocket() != path {
		t.Errorf("the masters are told %q", last.GetSocket())
	}
	conn, c := dialHandouts(t, path), s.client()
	if reply, f := askFor(t, conn, "one", file); f != nil || reply.GetRefused() == "" || reply.GetLater() {
		t.Errorf("of what is not cached: %v", reply)
	}
	if _, _, err := read(t.Context(), c, request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	if reply, f := askFor(t, conn, "one", file); f != nil || reply.GetRefused() == "" {
		t.Errorf("of a part: %v", reply)
	}
	for i := range int64(2) {
		if _, _, err := read(t.Context(), c, request(block+i, 0, min(4*mib, 5*mib+3-i*4*mib))); err != nil {
			t.Fatal(err)
		}
	}
	var f *os.File
	eventually(t, func() bool { _, f = askFor(t, conn, "one", file); return f != nil }, func() string { return "no descriptor" })
	same := func(what string) {
		t.Helper()
		got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
	}
	same("at first")
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("it can be written to")
	}
	s.worker.cache.Drop(file)
	same("dropped")
	if reply, again := askFor(t, conn, "one", file); again != nil || reply.GetRefused() == "" {
		t.Errorf("of what was dropped: %v", reply)
	}
	s.stopWorker()
	same("without a worker")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := wire.ReceivePacket(conn, &clusterpb.HandoutReply{}); err == nil {
		t.Error("a connection outlives the worker")
	}
}

// After a restart nothing is handed out that was not verified since; asking for it has it verified.
func TestHandoutsAfterARestart(t *testing.T) {
	s, path := handoutSite(t)
	data := randomBytes(3 * mib)
	block := s.put(1, "f", data)
	if _, _, err := read(t.Context(), s.client(), request(block, 0, 3*mib)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) == 3*mib }, func() string { return "not cached" })
	s.stopWorker()
	s.startWorker()
	conn := dialHandouts(t, path)
	reply, f := askFor(t, conn, "one", block|blockMask)
	if f != nil || !reply.GetLater() {
		t.Errorf("at once: %v", reply)
	}
	eventually(t, func() bool { _, f = askFor(t, conn, "one", block|blockMask); return f != nil }, func() string { return "it is never verified" })
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Those of another cluster get nothing, and bad packets end the connection, not the worker.
func TestHandoutsRefused(t *testing.T) {
	s, path := handoutSite(t)
	block := s.put(1, "f", randomBytes(mib))
	if _, _, err := read(t.Context(), s.client(), request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	conn := dialHandouts(t, path)
	for _, cluster := range []string{"", "two"} {
		if reply, f := askFor(t, conn, cluster, block|blockMask); f != nil || !reply.GetForeign() {
			t.Errorf("cluster %q: %v", cluster, reply)
		}
	}
	for _, id := range []int64{0, -1, 1, 99<<24 | blockMask} {
		if reply, f := askFor(t, conn, "one", id); f != nil || reply.GetRefused() == "" {
			t.Errorf("file %d: %v", id, reply)
		}
	}
	if _, err := conn.Write([]byte{0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ReceivePacket(conn, &clusterpb.HandoutReply{}); !errors.Is(err, io.EOF) {
		t.Errorf("after garbage: %v", err)
	}
	if reply, _ := askFor(t, dialHandouts(t, path), "two", 1); !reply.GetForeign() {
		t.Errorf("the next connection: %v", reply)
	}
	// No more connections than it bears; others are let in when some have left.
	var all []*net.UnixConn
	for range handoutConns + 8 {
		all = append(all, dialHandouts(t, path))
	}
	for _, c := range all {
		c.Close()
	}
	eventually(t, func() bool {
		c, err := wire.DialHandouts(path)
		if err != nil {
			return false
		}
		defer c.Close()
		if wire.SendPacket(c, &clusterpb.HandoutRequest{FileId: 1}, nil) != nil {
			return false
		}
		_, err = wire.ReceivePacket(c, &clusterpb.HandoutReply{})
		return err == nil
	}, func() string { return "nobody is let in any more" })
}

// A worker whose socket cannot be made serves all the same.
func TestHandoutsWithoutASocket(t *testing.T) {
	s := newSite(t, 1, Options{Socket: "/proc/none/socket"})
	block := s.put(1, "f", randomBytes(mib))
	if _, _, err := read(t.Context(), s.client(), request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	if s.worker.socket() != "" {
		t.Errorf("it says that it listens at %q", s.worker.socket())
	}
}
