package blockcache

import "testing"

// A cache knows the shape of what it holds, without being told again, and forgets it with the last byte.
func TestInfo(t *testing.T) {
	dir := t.TempDir()
	open := func() *Cache {
		c, err := Open(Options{Tiers: []Tier{{Alias: "SSD", Dirs: []Dir{{Path: dir, Quota: 4 << 20}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	info := FileInfo{ID: 1<<24 | 0xFFFFFF, Length: 100_000, BlockSize: ChunkSize}
	expect := func(c *Cache, known bool) {
		t.Helper()
		if got, ok := c.Info(info.ID); ok != known || known && got != info {
			t.Fatalf("Info is %+v, %v", got, ok)
		}
	}
	expect(c, false)
	f, err := c.Acquire(info)
	if err != nil {
		t.Fatal(err)
	}
	expect(c, true)
	if c.Has(info.ID) {
		t.Error("it has something of a file on which there is but a handle")
	}
	if kept, err := f.Put(0, make([]byte, ChunkSize)); !kept || err != nil {
		t.Fatal(kept, err)
	}
	if !c.Has(info.ID) {
		t.Error("it has nothing of a file that it kept bytes of")
	}
	f.Release()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	expect(c, false)
	c = open()
	defer c.Close()
	expect(c, true)
	if c.InCluster("one") || !c.InCluster("") {
		t.Error("a cache that was told of no cluster is of one")
	}
	c.Drop(info.ID)
	if c.Has(info.ID) {
		t.Error("it has something of a file that was dropped")
	}
	if _, err := c.SetCluster("one"); err != nil || !c.InCluster("one") || c.InCluster("another") {
		t.Errorf("it is not of the cluster it was told of: %v", err)
	}
	expect(c, false)
}
