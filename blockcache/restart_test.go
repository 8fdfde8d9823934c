package blockcache

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestRestartKeepsTheCache(t *testing.T) {
	path := t.TempDir()
	infos := []FileInfo{
		{ID: 5<<24 | 0xFFFFFF, Length: 3*mib + 77, BlockSize: mib},
		{ID: 6<<24 | 0xFFFFFF, Length: 1, BlockSize: 64 * mib},
		{ID: 1<<62 + 1, Length: 33 * mib, BlockSize: 16 * mib}, // two pages of index
	}
	fill(t, one(path, 64*mib), infos...)

	c := mustOpen(t, one(path, 64*mib))
	defer watch(t, c, walked)()
	for _, info := range infos {
		f := mustAcquire(t, c, info)
		if n := check(t, f, 0, info.Length); n != info.Length {
			t.Errorf("file %d: %d of %d bytes", info.ID, n, info.Length)
		}
		if m := f.Missing(0, info.Length); m != nil {
			t.Errorf("file %d: missing %v", info.ID, m)
		}
	}
	var blocks []BlockState
	for b := range c.Blocks() {
		if b.FileID != infos[2].ID {
			blocks = append(blocks, b)
		}
	}
	slices.SortFunc(blocks, func(a, b BlockState) int { return int(a.FileID + a.Index - b.FileID - b.Index) })
	want := []BlockState{{infos[0].ID, 0, mib}, {infos[0].ID, 1, mib}, {infos[0].ID, 2, mib}, {infos[0].ID, 3, 77}, {infos[1].ID, 0, 1}}
	if !slices.Equal(blocks, want) {
		t.Errorf("blocks %v, want %v", blocks, want)
	}
	audit(t, c)
}

// TestRestartKeepsTheOrder: what was put last goes last, as far as a file's
// time can tell.
func TestRestartKeepsTheOrder(t *testing.T) {
	for _, policy := range []string{TINYLFU, LRU, NONE} {
		t.Run(policy, func(t *testing.T) { restartKeepsTheOrder(t, policy) })
	}
}

func restartKeepsTheOrder(t *testing.T, policy string) {
	path := t.TempDir()
	var infos []FileInfo
	for id := int64(1); id <= 6; id++ {
		infos = append(infos, FileInfo{ID: id, Length: mib, BlockSize: mib})
	}
	fill(t, one(path, 16*mib), infos...)
	at := time.Now().Add(-time.Hour)
	for i, id := range []int64{3, 1, 4, 6, 5, 2} {
		index := (&dir{path: path}).indexPath(id)
		if err := os.Chtimes(index, at, at.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	o := one(path, 16*mib)
	o.Policy = policy
	c := mustOpen(t, o)
	var order []int64
	for _, v := range c.dirs[0].cold(100 * mib) {
		order = append(order, v.file)
	}
	if !slices.Equal(order, []int64{3, 1, 4, 6, 5, 2}) {
		t.Errorf("coldest first: %v", order)
	}
}

func TestAPartlyEvictedFileSurvivesRestart(t *testing.T) {
	path := t.TempDir()
	info := FileInfo{ID: 9, Length: 4 * mib, BlockSize: mib}
	o := one(path, 64*mib)
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	f := mustAcquire(t, c, info)
	put(t, f, 0, info.Length)
	before := used(c)
	if n := c.DropBlock(9, 2); n != mib {
		t.Fatalf("DropBlock freed %d", n)
	}
	if got := before - used(c); got != mib {
		t.Errorf("used fell by %d", got)
	}
	if real := walked(path); real > before-mib {
		t.Errorf("%d on disk after the hole was punched", real)
	}
	after := used(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = mustOpen(t, o)
	if used(c) != after {
		t.Errorf("used %d, before the restart %d", used(c), after)
	}
	f = mustAcquire(t, c, info)
	if m := f.Missing(0, info.Length); !slices.Equal(m, []Range{{2 * mib, mib}}) {
		t.Errorf("missing %v", m)
	}
	check(t, f, 0, info.Length)
	for i := range int64(4) {
		c.DropBlock(9, i)
	}
	if _, err := os.Stat(filepath.Join(path, "blocks", shard(9), "9")); !os.IsNotExist(err) {
		t.Errorf("a file without blocks is still there: %v", err)
	}
}
