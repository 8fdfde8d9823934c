package worker

import "testing"

const (
	kib = int64(1 << 10)
	mib = int64(1 << 20)
)

func TestExtent(t *testing.T) {
	const seg = 4 * mib
	all := func(_, end int64) int64 { return end }
	until := func(stop int64) func(off, end int64) int64 {
		return func(_, end int64) int64 { return min(stop, end) }
	}
	for _, c := range []struct {
		name            string
		want            want
		until, long     int64
		free            func(off, end int64) int64
		wantOff, wanted int64
	}{
		{"a random 64 KiB at a border is itself", want{128 * kib, 64 * kib, false}, 100 * mib, 0, all, 128 * kib, 64 * kib},
		{"one across a border takes both chunks", want{130 * kib, 64 * kib, false}, 100 * mib, 0, all, 128 * kib, 128 * kib},
		{"one byte takes a chunk", want{200 * kib, 1, false}, 100 * mib, 0, all, 192 * kib, 64 * kib},
		{"a small file has no more", want{0, 1, true}, 1000, 0, all, 0, 1000},
		{"the last chunk is short", want{100*mib - 10, 10, false}, 100*mib - 3, 0, all, 100*mib - 64*kib, 64*kib - 3},
		{"the first page of a file alone", want{0, mib, false}, 100 * mib, 0, all, 0, mib},
		{"a reader who goes on gets a segment", want{0, mib, true}, 100 * mib, 0, all, 0, seg},
		{"from its middle on, up to its border", want{6 * mib, mib, true}, 100 * mib, 0, all, 6 * mib, 2 * mib},
		{"or up to the next but one if that is close", want{7*mib + 512*kib, mib, true}, 100 * mib, 0, all, 7*mib + 512*kib, seg},
		{"a block at once is fetched by segments", want{64 * mib, 64 * mib, false}, 200 * mib, 0, all, 64 * mib, seg},
		{"what is here or under way is not fetched again", want{0, mib, true}, 100 * mib, 0, until(256 * kib), 0, 256 * kib},
		{"where starting is dear, much", want{5 * mib, 1, false}, 100 * mib, 32 * mib, all, 5 * mib, 32 * mib},
		{"but no more than there is", want{5 * mib, 1, false}, 7 * mib, 32 * mib, all, 5 * mib, 2 * mib},
		{"a huge offset", want{1 << 59, 1 << 58, true}, 1 << 60, 0, all, 1 << 59, seg},
	} {
		t.Run(c.name, func(t *testing.T) {
			off, end := extent(c.want, c.until, seg, c.long, c.free)
			if off != c.wantOff || end-off != c.wanted {
				t.Errorf("fetches %d+%d, want %d+%d", off, end-off, c.wantOff, c.wanted)
			}
			if off > c.want.off || end <= c.want.off {
				t.Error("the byte that is wanted is not in it")
			}
		})
	}
}

func TestLookahead(t *testing.T) {
	const seg = 4 * mib
	for _, c := range []struct {
		name       string
		sent, left int64
		exact      bool
		ahead      int64
	}{
		{"nothing was taken yet: it may stop at once", 0, 64 * mib, false, 0},
		{"as much again as was taken", 3 * mib, 61 * mib, false, 3 * mib},
		{"up to the runway", 40 * mib, 24 * mib, false, 4 * seg},
		{"and no more than is left", 60 * mib, 4 * mib, false, 4 * mib},
		{"who says how much it wants gets that", 0, 9 * mib, true, 9 * mib},
		{"by and by", 0, 64 * mib, true, 4 * seg},
	} {
		if got := lookahead(c.sent, c.left, seg, c.exact); got != c.ahead {
			t.Errorf("%s: %d, want %d", c.name, got, c.ahead)
		}
	}
}
