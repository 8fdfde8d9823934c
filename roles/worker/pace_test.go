package worker

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
)

func TestRunwayOf(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name        string
		first, rest time.Duration
		most, want  int64
	}{
		{"nothing is known", 0, 0, 8, runway},
		{"a near source", ms, 15 * ms, 16, runway + 1},
		{"far, at the speed of the near one", 40 * ms, 40 * ms, 16, 3 * runway},
		{"all is waiting", time.Second, 0, 32, 5 * runway},
		{"no more than the budget", time.Second, ms, 8, 8},
		{"a budget for less than one", time.Second, ms, 0, 1},
	} {
		if got := runwayOf(c.first, c.rest, c.most); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// far is a source that is a while away.
type far struct {
	ufs.UFS
	by time.Duration

	mu struct {
		sync.Mutex
		waiting, most int // who wait for it
	}
}

func (f *far) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	f.wait(+1)
	time.Sleep(f.by)
	f.wait(-1)
	return f.UFS.Open(ctx, name, v, off, n)
}

func (f *far) wait(change int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.waiting += change
	f.mu.most = max(f.mu.most, f.mu.waiting)
}

// For a reader in order more of a far source is under way at once than of a near one.
func TestFarSourcesAreReadFurtherAhead(t *testing.T) {
	most := func(by time.Duration, first, rest time.Duration) int {
		source := &far{by: by}
		synctest.Test(t, func(t *testing.T) {
			b := newStand(t, Options{FillRange: 4 * mib, FillConcurrency: 32}, blockcache.Options{})
			source.UFS = b.mem
			b.source.UFS = source
			b.put(1, "f", 60*mib)
			x := b.open(1)
			for off := int64(0); off+mib <= 60*mib; off += mib {
				if err := b.fills.bring(t.Context(), x, off, mib, min(aheadMost, 60*mib-off-mib)); err != nil {
					t.Fatal(err)
				}
				x.src.pace.note(first, rest)
			}
		})
		return source.mu.most
	}
	if near, far := most(0, 0, time.Millisecond), most(40*time.Millisecond, 40*time.Millisecond, 20*time.Millisecond); near > runway+2 || far < 2*runway {
		t.Errorf("%d ranges of a near source at once, %d of a far one", near, far)
	}
}

// However often it looks whether the bytes have come, no more is fetched ahead than the reader's words are good for.
func TestAheadDoesNotGrowByWaiting(t *testing.T) {
	b := newStand(t, Options{FillRange: 4 * mib, FillConcurrency: 32}, blockcache.Options{})
	b.put(1, "f", 60*mib)
	x := b.open(1)
	for off := int64(0); off < 8*mib; off += 4 * mib {
		src, err := b.fills.sources.ofFile(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		src.pace.note(time.Second, 0)
		if err := b.fills.bring(t.Context(), x, off, 4*mib, mib); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return !b.fills.busy() }, func() string { return "it never ends" })
	if n := b.fills.counts.fromUFS.Load(); n != 12*mib {
		t.Errorf("%d MiB were fetched for 8 MiB, and 1 MiB ahead", n/mib)
	}
}
