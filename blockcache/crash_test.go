package blockcache

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// victim is the file that the crashes below happen to: several blocks, a last
// chunk that is short, a hole.
func victim() FileInfo { return FileInfo{ID: 1, Length: 900*kib + 321, BlockSize: 256 * kib} }

// cached makes a directory that holds the victim but for its third block.
func cached(t *testing.T) (path string, present int64) {
	t.Helper()
	path = t.TempDir()
	info := victim()
	c, err := Open(one(path, 16*mib))
	if err != nil {
		t.Fatal(err)
	}
	f := mustAcquire(t, c, info)
	put(t, f, 0, 512*kib)
	put(t, f, 768*kib, info.Length-768*kib)
	present = c.CachedBytes(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path, present
}

// copyDir is a directory as a crash would leave it. Files that vanish meanwhile
// are left out.
func copyDir(t testing.TB, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	err := filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		if err == nil && e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if err == nil {
			err = copyFile(path, filepath.Join(to, rel))
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// copyFile leaves holes where the bytes are zero.
func copyFile(from, to string) error {
	p, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(p))); err != nil {
		return err
	}
	zero := make([]byte, pageSize)
	for off := 0; off < len(p); off += pageSize {
		page := p[off:min(off+pageSize, len(p))]
		if bytes.Equal(page, zero[:len(page)]) {
			continue
		}
		if _, err := f.WriteAt(page, int64(off)); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens a directory in whatever state it is, reads all of the victim,
// and returns what was there. What is missing can be put and read again.
func reopen(t *testing.T, path string) (present int64, s Stats) {
	t.Helper()
	c, err := Open(one(path, 16*mib))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info := victim()
	f, err := c.Acquire(info)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	for off := int64(0); off < info.Length; off += ChunkSize {
		present += check(t, f, off, ChunkSize)
	}
	s = c.Stats()
	if !put(t, f, 0, info.Length) || check(t, f, 0, info.Length) != info.Length {
		t.Error("cannot be made whole again")
	}
	if real, said := walked(path), used(c); real > said {
		t.Errorf("%d on disk, %d accounted for", real, said)
	}
	return present, s
}

func TestSoundDirectoryIsReadBackWhole(t *testing.T) {
	path, present := cached(t)
	if got, s := reopen(t, path); got != present || s.Damaged+s.Quarantined != 0 {
		t.Errorf("%d of %d bytes, %+v", got, present, s)
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	path, present := cached(t)
	for _, part := range []string{"1", "1.idx"} {
		file := filepath.Join("blocks", shard(1), part)
		stat, err := os.Stat(filepath.Join(path, file))
		if err != nil {
			t.Fatal(err)
		}
		lengths := []int64{0, 1, 7, 8, 63, 64, 65, 71, 72, stat.Size() - 1, stat.Size() + 1, stat.Size() + ChunkSize}
		for off := int64(ChunkSize); off < stat.Size(); off += ChunkSize {
			lengths = append(lengths, off-1, off, off+1)
		}
		for _, n := range lengths {
			if n == stat.Size() {
				continue
			}
			dir := copyDir(t, path)
			if err := os.Truncate(filepath.Join(dir, file), n); err != nil {
				t.Fatal(err)
			}
			got, s := reopen(t, dir)
			if got == present || s.Damaged+s.Quarantined == 0 {
				t.Errorf("%s of %d bytes: %d of %d read, %+v", part, n, got, present, s)
			}
		}
	}
}

// TestTruncatedUnderAnOpenCache is what a reader sees that has the index in memory.
func TestTruncatedUnderAnOpenCache(t *testing.T) {
	path, present := cached(t)
	for n := int64(0); n < victim().Length; n += ChunkSize/2 + 1 {
		dir := copyDir(t, path)
		c := mustOpen(t, one(dir, 16*mib))
		f := mustAcquire(t, c, victim())
		if err := os.Truncate((&dirPath{dir}).data(1), n); err != nil {
			t.Fatal(err)
		}
		var got int64
		for off := int64(0); off < victim().Length; off += ChunkSize {
			got += check(t, f, off, ChunkSize)
		}
		if got >= present || c.Stats().Damaged == 0 {
			t.Errorf("truncated to %d: %d of %d bytes, %+v", n, got, present, c.Stats())
		}
		if !put(t, f, 0, victim().Length) || check(t, f, 0, victim().Length) != victim().Length {
			t.Errorf("truncated to %d: not healed by a put", n)
		}
	}
}

// dirPath finds the files of a cache directory that is not open.
type dirPath struct{ root string }

func (d dirPath) data(id int64) string  { return (&dir{path: d.root}).dataPath(id) }
func (d dirPath) index(id int64) string { return (&dir{path: d.root}).indexPath(id) }

// flip inverts one bit of a file.
func flip(t *testing.T, path string, bit int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], bit/8); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << (bit % 8)
	if _, err := f.WriteAt(b[:], bit/8); err != nil {
		t.Fatal(err)
	}
}

func TestEveryFlippedBitOfTheIndexIsNoticed(t *testing.T) {
	path, present := cached(t)
	bits := indexSize(victim()) * 8
	r := rand.New(rand.NewPCG(3, 4))
	for bit := int64(0); bit < bits; bit += 1 + r.Int64N(23) {
		dir := copyDir(t, path)
		flip(t, dirPath{dir}.index(1), bit)
		got, s := reopen(t, dir)
		reserved := bit >= 48*8 && bit < headerSize*8
		record := bit >= headerSize*8
		switch {
		case !record && !reserved && (got != 0 || s.Quarantined != 2),
			reserved && s.Quarantined != 2,
			record && (got < present-ChunkSize || s.Damaged != 1):
			t.Errorf("bit %d: %d of %d bytes, %+v", bit, got, present, s)
		}
	}
}

func TestAThousandFlippedBitsOfTheData(t *testing.T) {
	path := t.TempDir()
	info := FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib}
	fill(t, one(path, 16*mib), info)
	c := mustOpen(t, one(path, 16*mib))
	f := mustAcquire(t, c, info)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		bit := r.Int64N(info.Length * 8)
		flip(t, dirPath{path}.data(1), bit)
		chunk := bit / 8 / ChunkSize * ChunkSize
		if n := check(t, f, chunk, ChunkSize); n != 0 {
			t.Fatalf("bit %d: a damaged chunk came back", bit)
		}
		if !put(t, f, chunk, ChunkSize) || check(t, f, chunk, ChunkSize) != ChunkSize {
			t.Fatalf("bit %d: not healed by a put", bit)
		}
	}
	if s := c.Stats(); s.Damaged != 1000 {
		t.Errorf("%d damaged, want 1000", s.Damaged)
	}
	audit(t, c)
	if check(t, f, 0, info.Length) != info.Length {
		t.Error("not whole")
	}
}

// TestCrashAtAnyMoment copies the directory, file by file, while it is written,
// read and evicted: index and data of the copy disagree as after a power cut.
func TestCrashAtAnyMoment(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 3*mib))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(9, uint64(g)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				info := victim()
				info.ID = 1 + r.Int64N(6)
				f, err := c.Acquire(info)
				if err != nil {
					t.Error(err)
					return
				}
				off := r.Int64N(info.Length/ChunkSize) * ChunkSize
				put(t, f, off, 3*ChunkSize)
				check(t, f, off, 3*ChunkSize)
				if r.IntN(10) == 0 {
					c.DropBlock(info.ID, off/info.BlockSize)
				}
				f.Release()
			}
		})
	}
	for range 15 {
		dir := copyDir(t, path)
		again, err := Open(one(dir, 3*mib))
		if err != nil {
			t.Fatal(err)
		}
		for id := int64(1); id <= 6; id++ {
			info := victim()
			info.ID = id
			f := mustAcquire(t, again, info)
			for off := int64(0); off < info.Length; off += ChunkSize {
				check(t, f, off, ChunkSize)
			}
		}
		audit(t, again)
		// Nobody puts anything, and the evictor may go on: what is accounted for first is the most that can be found.
		said := used(again)
		if real := walked(dir); real > said || said > 3*mib {
			t.Errorf("%d on disk, %d accounted for", real, said)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

// TestSpaceWithoutARecordIsFreed: the crash came after the data and before the
// record, or after the record was cleared and before the hole was punched.
func TestSpaceWithoutARecordIsFreed(t *testing.T) {
	path, present := cached(t)
	index, err := os.OpenFile(dirPath{path}.index(1), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.WriteAt(make([]byte, 8), slotOffset(2)); err != nil {
		t.Fatal(err)
	}
	index.Close()
	before := walked(path)
	c := mustOpen(t, one(path, 16*mib))
	if got := c.CachedBytes(1); got != present-ChunkSize {
		t.Errorf("%d cached", got)
	}
	if got := before - walked(path); got != ChunkSize {
		t.Errorf("%d bytes freed, want one chunk", got)
	}
	audit(t, c)
}

// TestSpaceThatCannotBeFreedIsPaidFor: there are no holes on this disk, or a
// mount that outlived the worker still reads the file.
func TestSpaceThatCannotBeFreedIsPaidFor(t *testing.T) {
	for _, held := range []bool{false, true} {
		path, present := cached(t)
		index, err := os.OpenFile(dirPath{path}.index(1), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := index.WriteAt(make([]byte, 16), slotOffset(2)); err != nil {
			t.Fatal(err)
		}
		index.Close()
		o := one(path, 16*mib)
		before := walked(path)
		if held {
			holder := hold(t, dirPath{path}.data(1))
			defer func() {
				p := make([]byte, 512*kib)
				if _, err := holder.ReadAt(p, 0); err != nil || !bytes.Equal(p, original(victim(), 0, 512*kib)) {
					t.Errorf("the holder lost bytes: %v", err)
				}
			}()
		} else {
			disk := &faults{}
			disk.on("punch", "", syscall.EOPNOTSUPP)
			o.open = disk.open
		}
		c := mustOpen(t, o)
		if got := c.CachedBytes(1); got != present-2*ChunkSize || walked(path) != before || before > used(c) {
			t.Errorf("%d cached of %d, %d on disk, %d accounted for", got, present, walked(path), used(c))
		}
		f := mustAcquire(t, c, victim())
		check(t, f, 0, victim().Length)
		audit(t, c)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(header{storeID: 1, info: victim()}.encode())
	f.Add(make([]byte, headerSize))
	f.Add([]byte(indexMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHeader(b)
		if err == nil && string(h.encode()) != string(b[:headerSize]) {
			// Reserved bytes are covered by the checksum and not kept.
			if string(h.encode()[16:48]) != string(b[16:48]) {
				t.Errorf("%+v", h)
			}
		}
	})
}
