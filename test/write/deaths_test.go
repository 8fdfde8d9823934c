package write

import (
	"fmt"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// Leaders stop while files are written: whatever was acknowledged is there, whole, and so is what was under way.
func TestLeadersStopWhileWriting(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 3, Workers: 2, BlockSize: blockSize, Quota: 256 * mib})
	f := c.Client()
	kinds := []client.WriteType{client.MustCache, client.CacheThrough, client.Through, client.AsyncThrough}
	data := func(i int) []byte { return randomBytes(uint64(i), blockSize+int64(i)*1009) }
	path := func(i int) string { return fmt.Sprintf("/%s/%d", kinds[i%len(kinds)], i) }
	const files = 24
	stopped := -1
	for i := range files {
		w := create(t, f, path(i), client.CreateOptions{Recursive: true, Type: kinds[i%len(kinds)]})
		half := len(data(i)) / 2
		if _, err := w.Write(data(i)[:half]); err != nil {
			t.Fatal(err)
		}
		if i%8 == 3 {
			if stopped >= 0 {
				c.StartMaster(stopped)
				c.WaitForVotes()
			}
			stopped = c.Leader()
			c.StopMaster(stopped)
		}
		if _, err := w.Write(data(i)[half:]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	reader := c.Client()
	for i := range files {
		same(t, reader, path(i), data(i))
		switch kinds[i%len(kinds)] {
		case client.CacheThrough, client.Through:
			inFolder(t, c, path(i), data(i))
		case client.AsyncThrough:
			eventually(t, "it is persisted", func() bool { return stat(t, f, path(i)).Persistence == "PERSISTED" })
			inFolder(t, c, path(i), data(i))
		}
	}
}

// A worker that dies while a file is written to it ends the writing with an error, and no half of a file is left; the next
// try goes elsewhere. When it comes back it holds nothing of what was not acknowledged.
func TestWorkerDiesWhileWriting(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, blockSize/2)
	for _, kind := range []client.WriteType{client.MustCache, client.Through} {
		w := create(t, f, "/f", client.CreateOptions{Type: kind})
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		for i := range c.Workers {
			c.StopWorker(i)
		}
		if err := w.Close(); err == nil {
			t.Fatal("it is closed, and no worker lives")
		}
		gone(t, f, "/f")
		c.StartWorker(1)
		c.WaitForWorkers(1)
		put(t, f, "/f", data, client.CreateOptions{Type: kind})
		same(t, c.Client(), "/f", data)
		if err := f.Remove(t.Context(), "/f", client.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		c.StartWorker(0)
		c.WaitForWorkers(2)
		eventually(t, "nothing is held", func() bool { return held(c) == 0 })
		eventually(t, "nothing is left in the under file system", func() bool { return len(folder(t, c)) == 0 })
	}
}

// What goes through is written though the cache's worker dies: the under file system has it.
func TestThroughWithoutTheCache(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize, Quota: 3 * mib})
	f := c.Client()
	data := randomBytes(1, 9*mib)
	put(t, f, "/f", data, client.CreateOptions{Type: client.CacheThrough})
	inFolder(t, c, "/f", data)
	same(t, c.Client(), "/f", data)
}
