package write

import (
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// durable is a client that wants what is written in the background to be on so many workers first.
func durable(t testing.TB, c *rolestest.Cluster, copies int) *client.FS {
	t.Helper()
	f, err := client.New(client.Config{Masters: c.Addresses(), Network: c.Net.Host("client"), RetryFor: rolestest.Patience, DurableCopies: copies})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// holders are the workers that hold all of each block of a file.
func holders(t testing.TB, f *client.FS, path string) (counts []int) {
	t.Helper()
	for _, b := range stat(t, f, path).Blocks {
		n := 0
		for _, l := range b.Locations {
			if l.Cached() {
				n++
			}
		}
		counts = append(counts, n)
	}
	return counts
}

// A file that is on two workers when its writer is told that it is written outlives the loss of either's disk: it is read, and
// persisted, from the other. Once it is persisted nobody need keep it.
func TestDurableCopies(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 1, Workers: 3, BlockSize: blockSize})
	sick.Store(true)
	f := durable(t, c, 2)
	data := randomBytes(1, 5*blockSize+100)
	put(t, f, "/f", data, client.CreateOptions{Type: client.AsyncThrough})
	put(t, f, "/other", data, client.CreateOptions{Type: client.MustCache})
	for path, want := range map[string]int{"/f": 2, "/other": 1} {
		for i, n := range holders(t, f, path) {
			if n != want {
				t.Errorf("block %d of %s is on %d workers, want %d", i, path, n, want)
			}
		}
	}
	for i := range 2 {
		c.StopWorker(i)
		c.WaitForWorkers(2)
		same(t, c.Client(), "/f", data)
		if i == 0 {
			c.StartWorker(i)
			c.WaitForWorkers(3)
		}
	}
	sick.Store(false)
	eventually(t, "it is persisted", func() bool { return stat(t, f, "/f").Persistence == "PERSISTED" })
	inFolder(t, c, "/f", data)
	if err := f.Free(t.Context(), "/f", false); err != nil {
		t.Errorf("somebody keeps it: %v", err)
	}
	same(t, c.Client(), "/f", data)
}

// Fewer workers than wanted are too few, before the first byte, between two blocks or in the middle of one: the write fails,
// says why, and leaves nothing.
func TestTooFewCopies(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	data := randomBytes(1, 2*blockSize)
	fails := func(f *client.FS, words string, meanwhile func()) {
		t.Helper()
		w := create(t, f, "/f", client.CreateOptions{Type: client.AsyncThrough})
		_, err := w.Write(data[:blockSize/2])
		meanwhile()
		if err == nil {
			_, err = w.Write(data[blockSize/2:])
		}
		if err == nil {
			err = w.Close()
		} else {
			w.Cancel()
		}
		wants(t, err, syscall.EIO, words)
		gone(t, f, "/f")
	}
	fails(durable(t, c, 3), "/f is to be on 3 workers on hosts of their own (goosefs.user.file.replication.durable), and 2 can be reached", func() {})
	f := durable(t, c, 2)
	fails(f, "/f", func() { c.StopWorker(1) })
	fails(f, "/f is to be on 2 workers on hosts of their own (goosefs.user.file.replication.durable), and 1 can be reached", func() {})
	c.StartWorker(1)
	c.WaitForWorkers(2)
	eventually(t, "nothing is left", func() bool { return held(c) == 0 })
	put(t, f, "/f", data, client.CreateOptions{Type: client.AsyncThrough})
	same(t, c.Client(), "/f", data)
	eventually(t, "it is persisted", func() bool { return stat(t, f, "/f").Persistence == "PERSISTED" })
	inFolder(t, c, "/f", data)
}
