package worker

import "goosefs/blockcache"

const (
	chunk  = blockcache.ChunkSize
	runway = 4 // how many segments of a long read are under way at once, if the source is near; see [pace]
)

// want is what a reader asks of a fill.
type want struct {
	off, n int64 // bytes it is sure to read, n ≥ 1
	ahead  bool  // and it goes on behind them
}

// extent decides which range of a file a flight for w fetches, in whole chunks and no further than until: just what is
// wanted, up to a segment; for a reader that goes on, up to the next border of a segment that is not close by. Where
// starting in the middle of an object is dear, long is how much to fetch once it has started; it is 0 elsewhere. free
// cuts the range off where the bytes are here or under way already.
func extent(w want, until, segment, long int64, free func(off, end int64) int64) (off, end int64) {
	off = w.off / chunk * chunk
	most := max(segment, long)
	switch {
	case long > 0:
		end = off + most
	case w.ahead:
		border := (off/segment + 1) * segment
		if border-off < segment/2 {
			border += segment
		}
		end = max(w.off+w.n, border)
	default:
		end = w.off + w.n
	}
	end = min(end, off+most)
	end = min((end+chunk-1)/chunk*chunk, until)
	return off, free(off, end)
}

// lookahead decides how many bytes of a read should be under way when so many have been sent and so many are left. A
// client that says how much it wants to the byte gets it fetched in parallel at once; any other may stop early, so it
// is trusted with as much again as it has taken.
func lookahead(sent, left, segment int64, exact bool) int64 {
	if exact {
		return min(left, runway*segment)
	}
	return min(left, sent, runway*segment)
}
