package blockcache

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// wantPart gets a descriptor, or none if have is good, in which n bytes from off on are ready.
func wantPart(t *testing.T, f *File, off, n int64, have Lent) (*os.File, Lent) {
	t.Helper()
	ready, file, lent, err := f.HandoutPart(off, n, have)
	if err != nil || ready != n {
		t.Fatalf("%d bytes from %d on: %d are ready, %v", n, off, ready, err)
	}
	if file != nil {
		t.Cleanup(func() { file.Close() })
	}
	if (file == nil) != (lent == have) {
		t.Errorf("file %v for %d, who has %d", file, lent, have)
	}
	return file, lent
}

func wantPartBytes(t *testing.T, file *os.File, info FileInfo, off, n int64) {
	t.Helper()
	got := make([]byte, n)
	if _, err := file.ReadAt(got, off); err != nil || !bytes.Equal(got, original(info, off, n)) {
		t.Fatalf("%d bytes from %d on are wrong (%v)", n, off, err)
	}
}

// A part is lent while the rest still comes; whoever has the descriptor is only told what is ready by now.
func TestPartsAreHandedOut(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	info := FileInfo{ID: 1, Length: 6*mib + 77, BlockSize: 4 * mib}
	f := mustAcquire(t, c, info)
	if _, _, _, err := f.HandoutPart(0, mib, 0); err != ErrMiss {
		t.Errorf("of nothing: %v", err)
	}
	put(t, f, mib, 2*mib)
	if _, _, _, err := f.HandoutPart(0, mib, 0); err != ErrMiss {
		t.Errorf("of what is not there: %v", err)
	}
	file, lent := wantPart(t, f, mib+5, mib, 0)
	wantPartBytes(t, file, info, mib+5, mib)
	if ready, _, _, err := f.HandoutPart(2*mib, 4*mib, lent); err != nil || ready != mib {
		t.Errorf("%d bytes up to the gap, %v", ready, err)
	}
	put(t, f, 4*mib, 2*mib+77)
	if again, _ := wantPart(t, f, 5*mib, mib+77, lent); again != nil {
		t.Error("who has a descriptor gets another")
	}
	wantPartBytes(t, file, info, 5*mib, mib+77)
	for _, bad := range [][2]int64{{-1, 1}, {info.Length, 1}, {0, 0}} {
		if _, _, _, err := f.HandoutPart(bad[0], bad[1], 0); err != ErrMiss {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// What was lent stays as it was, whatever the cache does; what it caches of the file later is in another descriptor.
func TestLentPartsStay(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 64*mib))
	info := FileInfo{ID: 1, Length: 8 * mib, BlockSize: 4 * mib}
	f := mustAcquire(t, c, info)
	put(t, f, 0, 2*mib)
	file, lent := wantPart(t, f, 0, 2*mib, 0)
	c.DropBlock(1, 0)
	wantPartBytes(t, file, info, 0, 2*mib)
	put(t, f, 4*mib, mib)
	next, other := wantPart(t, f, 4*mib, mib, lent)
	if next == nil || other == lent {
		t.Fatal("the next file passes for the one that was dropped")
	}
	wantPartBytes(t, next, info, 4*mib, mib)
	wantPartBytes(t, file, info, 0, 2*mib)

	// A descriptor that its holder gave back protects nothing: it gets a new one.
	next.Close()
	until(t, "it is let go", func() bool { c.wake(); return !c.lookup(1).mu.body.held.Load() })
	if _, again, _, err := f.HandoutPart(4*mib, mib, other); again == nil {
		t.Errorf("who gave it back gets %v, %v", again, err)
	} else {
		again.Close()
	}
	audit(t, c)
}

// After a restart, and after others wrote to a file, what is there is verified before it is told to be ready.
func TestPartsAreVerifiedFirst(t *testing.T) {
	info := FileInfo{ID: 1, Length: 4*mib + 9, BlockSize: 4 * mib}
	for what, spoil := range map[string]func(path string) error{
		"nothing":   func(string) error { return nil },
		"truncated": func(path string) error { return os.Truncate(path, mib) },
		"a hole": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 2*mib, ChunkSize)
		},
	} {
		for _, restart := range []bool{true, false} {
			if what == "nothing" && !restart {
				continue
			}
			t.Run(what, func(t *testing.T) {
				path := t.TempDir()
				c := mustOpen(t, one(path, 64*mib))
				f := mustAcquire(t, c, info)
				put(t, f, 0, 3*mib)
				wantPart(t, f, 0, 3*mib, 0)
				if restart {
					f.Release()
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if err := spoil(dirPath{path}.data(1)); err != nil {
					t.Fatal(err)
				}
				if restart {
					c = mustOpen(t, one(path, 64*mib))
					f = mustAcquire(t, c, info)
				}
				if ready, _, _, err := f.HandoutPart(2*mib, mib, 0); err == nil {
					t.Fatalf("%d bytes are ready that nobody verified", ready)
				}
				until(t, "it is right again", func() bool {
					f.ReadAt(make([]byte, mib), 2*mib)
					put(t, f, 2*mib, mib)
					ready, file, _, err := f.HandoutPart(2*mib, mib, 0)
					if err != nil || ready < mib {
						return false
					}
					defer file.Close()
					wantPartBytes(t, file, info, 2*mib, mib)
					return true
				})
			})
		}
	}
}

// What is held in part cannot be evicted, so it may be half of the cache only.
func TestLentPartsAreBounded(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 32*mib))
	var files []*File
	for id := int64(1); id <= 3; id++ {
		f := mustAcquire(t, c, FileInfo{ID: id, Length: 7 * mib, BlockSize: mib})
		put(t, f, 0, mib)
		files = append(files, f)
	}
	first, _ := wantPart(t, files[0], 0, mib, 0)
	wantPart(t, files[1], 0, mib, 0)
	if _, _, _, err := files[2].HandoutPart(0, mib, 0); err != ErrTooMany {
		t.Errorf("the third: %v", err)
	}
	if _, _, _, err := mustAcquire(t, c, FileInfo{ID: 4, Length: 20 * mib, BlockSize: mib}).HandoutPart(0, mib, 0); err != ErrMiss {
		t.Errorf("of what is not there: %v", err)
	}
	first.Close()
	until(t, "there is room", func() bool {
		c.wake()
		_, file, _, err := files[2].HandoutPart(0, mib, 0)
		if err == nil {
			file.Close()
		}
		return err == nil
	})
}

// Evicting a block makes a hole in the data file, which is no reason to distrust the rest.
func TestEvictionIsNotTakenForTampering(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 8 * mib, BlockSize: 4 * mib})
	put(t, f, 0, 8*mib)
	b := c.lookup(1).mu.body
	if c.evictBlock(b.blocks[0]) == 0 {
		t.Fatal("nothing was evicted")
	}
	wantPart(t, f, 4*mib, 4*mib, 0)
}

// Small files are opened and closed by the thousand: those that were given back are in nobody's way, also before the
// evictor looks.
func TestWhatWasGivenBackIsNotCounted(t *testing.T) {
	o := one(t.TempDir(), 32*mib)
	o.Handouts = 4
	c := mustOpen(t, o)
	for id := int64(1); id <= 5; id++ {
		f := mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib})
		put(t, f, 0, mib)
		file, _ := wantPart(t, f, 0, mib, 0)
		file.Close()
	}
}
