package write

import (
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A file that is only cached is LOST when the worker that holds a block of it is gone for longer than a restart takes: all see
// it, and who reads it is told at once what is gone, and with whom. It stays so when the masters are started anew. When the
// worker comes back, so does the file, and what was to be persisted is.
func TestLostAndFound(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 3, Workers: 2, BlockSize: blockSize, WorkerTimeout: 2 * time.Second})
	sick.Store(true)
	f := c.Client()
	data := randomBytes(1, blockSize)
	put(t, f, "/cached", data, client.CreateOptions{Type: client.MustCache})
	holder := holderOf(t, f, "/cached", 0)
	queued, other := "", ""
	for i := 0; queued == "" || other == ""; i++ { // by chance each is on one of the workers
		path := "/f" + string(rune('a'+i))
		put(t, f, path, data, client.CreateOptions{Type: client.AsyncThrough})
		if holderOf(t, f, path, 0) == holder {
			queued = path
		} else {
			other = path
		}
	}
	states := func(cached, waiting string) func() bool {
		return func() bool {
			list := map[string]string{}
			for info, err := range f.List(t.Context(), "/", client.StatOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				list[info.Path] = info.Persistence
			}
			return stat(t, f, "/cached").Persistence == cached && list["/cached"] == cached && list[queued] == waiting && list[other] == "TO_BE_PERSISTED"
		}
	}
	if !states("NOT_PERSISTED", "TO_BE_PERSISTED")() {
		t.Fatal("they begin as something else")
	}
	c.StopWorker(holder)
	eventually(t, "they are lost", states("LOST", "LOST"))
	lost := func(when string) {
		t.Helper()
		began := time.Now()
		_, err := get(t, c.Client(), "/cached")
		wants(t, err, syscall.EIO, "block 0 of /cached is lost: ")
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: told after %v", when, took)
		}
	}
	_, err := get(t, c.Client(), "/cached")
	wants(t, err, syscall.EIO, "block 0 of /cached is lost: its worker "+rolestest.WorkerName(holder)+":9203 was last heard of ")
	lost("its worker is gone")
	same(t, c.Client(), other, data)
	files, count, err := f.LostFiles(t.Context(), 1)
	if err != nil || count < 2 || len(files) != 1 || files[0].Length != blockSize || files[0].Block != 0 || files[0].Worker != rolestest.WorkerName(holder)+":9203" || files[0].Contact < 2*time.Second {
		t.Errorf("lost: %+v of %d, %v", files, count, err)
	}

	for i := range c.Masters {
		c.StopMaster(i)
	}
	for i := range c.Masters {
		c.StartMaster(i)
	}
	c.WaitForWorkers(1)
	eventually(t, "they are lost to new masters, too", states("LOST", "LOST"))
	lost("the masters never heard of its worker")

	c.StartWorker(holder)
	c.WaitForWorkers(2)
	eventually(t, "they are found", states("NOT_PERSISTED", "TO_BE_PERSISTED"))
	if files, count, err := f.LostFiles(t.Context(), 100); err != nil || count > 0 || len(files) > 0 {
		t.Errorf("lost: %+v of %d, %v", files, count, err)
	}
	same(t, c.Client(), "/cached", data)
	sick.Store(false)
	eventually(t, "what was lost is persisted", func() bool { return stat(t, f, queued).Persistence == "PERSISTED" })
	inFolder(t, c, queued, data)
	same(t, c.Client(), queued, data)
}
