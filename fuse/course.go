package fuse

const (
	courseBegin = 4  // opens in about the order of the listing, before files are loaded ahead
	courseSlack = 8  // how far from the next one an open may be and still be in order: several may read
	manyBegin   = 16 // opens in any order, if they are one in manyOf of the directory
	manyOf      = 8
	aheadFiles  = 64 // loaded ahead, at most
)

// course is how the files of one directory are opened, by their place in its listing. It only decides. The zero value has
// seen nothing.
type course struct {
	opens int // all
	last  int // the furthest of the run
	run   int // opens in a row that were in about the order
	front int // what is before was loaded ahead, or opened, or passed by
}

// opened notes that the i-th of count files is opened. The files first ≤ k < end should be loaded ahead now.
//
// In a run the window begins small and doubles, and moves with the reader. Who opens many files of a directory in no
// order will open the rest, too: then what comes next in the listing is as good as any.
func (c *course) opened(i, count int) (first, end int) {
	c.opens++
	switch near := i-c.last <= courseSlack && c.last-i <= courseSlack; {
	case near || c.run == 0 && i < courseSlack:
		c.run++
		c.last = max(c.last, i)
	default:
		c.run, c.last = 1, i
		if c.opens < manyBegin {
			c.front = 0
		}
	}
	switch {
	case c.run >= courseBegin:
		first = max(c.front, c.last+1)
		end = c.last + 1 + min(aheadFiles, 2*c.run)
	case c.opens >= manyBegin && c.opens*manyOf >= count:
		first = c.front
		end = min(c.opens, c.front) + min(aheadFiles, c.opens/2)
	}
	if end = min(end, count); first >= end {
		return 0, 0
	}
	c.front = end
	return first, end
}

// stopped says that only those before k were loaded.
func (c *course) stopped(k int) { c.front = min(c.front, k) }

// worthwhile says whether to go on loading ahead when so many files were loaded and then opened, and so many in vain.
func worthwhile(used, vain int64) bool { return vain < aheadFiles || vain <= used }
