package write

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// blockSize of the clusters here: files of some blocks are on several workers.
const blockSize = mib

// Every write type, at every size at which something could go wrong: what was written is what another client reads, and
// what is in the under file system, if the type says so.
func TestTypesAndSizes(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 3, BlockSize: blockSize, Quota: 256 * mib})
	writer, reader := c.Client(), c.Client()
	for _, kind := range []client.WriteType{client.MustCache, client.TryCache, client.CacheThrough, client.Through, client.AsyncThrough, client.None} {
		for i, size := range []int64{0, 1, 64*kib - 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + blockSize/2} {
			path := fmt.Sprintf("/%s/deep/%d", kind, size)
			t.Run(path[1:], func(t *testing.T) {
				data := randomBytes(uint64(int(kind)*100+i), size)
				put(t, writer, path, data, client.CreateOptions{Recursive: true, Type: kind})
				info := stat(t, reader, path)
				if !info.Completed || info.Length != size || info.BlockSize != blockSize {
					t.Errorf("%+v", info)
				}
				percent := 100
				if kind == client.Through && size > 0 {
					percent = 0
				}
				if info.Percent != percent {
					t.Errorf("%d%% of it are cached", info.Percent)
				}
				same(t, reader, path, data)
				switch kind {
				case client.Through, client.CacheThrough:
					if info.Persistence != "PERSISTED" {
						t.Errorf("it is %s", info.Persistence)
					}
					inFolder(t, c, path, data)
				case client.AsyncThrough:
					eventually(t, "it is persisted", func() bool { return stat(t, reader, path).Persistence == "PERSISTED" })
					inFolder(t, c, path, data)
				default:
					if info.Persistence != "NOT_PERSISTED" || slices.Contains(folder(t, c), path) {
						t.Errorf("%s, and in the under file system: %v", info.Persistence, folder(t, c))
					}
				}
			})
		}
	}
	if n := len(folder(t, c)); n != 3*7 {
		t.Errorf("%d files in the under file system: %v", n, folder(t, c))
	}
}

// What went to both is read from the under file system when the cache lost it.
func TestThroughOutlivesTheCache(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 3*blockSize+5)
	for _, kind := range []client.WriteType{client.CacheThrough, client.AsyncThrough} {
		path := "/" + kind.String()
		put(t, f, path, data, client.CreateOptions{Type: kind})
		eventually(t, "it is persisted", func() bool { return stat(t, f, path).Persistence == "PERSISTED" })
		if err := f.Free(t.Context(), path, false); err != nil {
			t.Fatal(err)
		}
		if info := stat(t, f, path); info.Percent != 0 {
			t.Errorf("%d%% of it are cached after it was freed", info.Percent)
		}
		same(t, c.Client(), path, data)
	}
}

// Many write at once, to both places, on few workers; nobody's bytes get into another's file.
func TestManyWriters(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize, Quota: 256 * mib})
	f, reader := c.Client(), c.Client()
	var writers sync.WaitGroup
	size := func(i int) int64 { return 2*blockSize + int64(i)*99_991 }
	for i := range 16 {
		writers.Go(func() {
			data := randomBytes(uint64(i), size(i))
			w, err := f.CreateFile(t.Context(), fmt.Sprintf("/d/%d", i), client.CreateOptions{Recursive: true, Type: client.CacheThrough})
			if err != nil {
				t.Error(err)
				return
			}
			for len(data) > 0 {
				n, err := w.Write(data[:min(100_000, len(data))])
				if err != nil {
					t.Error(err)
					return
				}
				data = data[n:]
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	for i := range 16 {
		path, data := fmt.Sprintf("/d/%d", i), randomBytes(uint64(i), size(i))
		inFolder(t, c, path, data)
		same(t, reader, path, data)
	}
}

// A block size that is none of the cache's is made one, and the client goes by that.
func TestOddBlockSizes(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	f := c.Client()
	data := randomBytes(3, 300_000)
	for asked, want := range map[int64]int64{1: 64 * kib, 100_000: 128 * kib, 64 * kib: 64 * kib} {
		path := fmt.Sprintf("/%d", asked)
		put(t, f, path, data, client.CreateOptions{Type: client.CacheThrough, BlockSize: asked})
		if info := stat(t, f, path); info.BlockSize != want {
			t.Errorf("blocks of %d were asked for, and are %d", asked, info.BlockSize)
		}
		same(t, c.Client(), path, data)
		if err := f.Free(t.Context(), path, false); err != nil {
			t.Fatal(err)
		}
		same(t, c.Client(), path, data)
	}
	_, err := f.CreateFile(t.Context(), "/huge", client.CreateOptions{BlockSize: 1 << 60})
	wants(t, err, 22, "Invalid block size")
	_, err = f.CreateFile(t.Context(), "/negative", client.CreateOptions{BlockSize: -1})
	wants(t, err, 22, "Invalid block size")
}
