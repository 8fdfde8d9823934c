package blockcache

import "slices"

// This file decides and touches nothing: who has to go, and where a new file
// is put. evict.go and create.go carry it out.

// tierState is what a decision needs to know of a tier.
type tierState struct {
	high, low float64
	dirs      []dirState
}

// dirState is what a decision needs to know of a directory. limit is the quota
// or, if less, what the disk has room for; 0 if the directory failed. owed are
// bytes within used that will come back by themselves (unlinked, still held).
type dirState struct {
	limit, used, owed int64
	coldest           heat        // of its coldest block; zero if it has none
	cold              []candidate // coldest first, at least as many as are needed
}

// candidate is a block that may go.
type candidate struct {
	file, index int64
	bytes       int64
	heat        heat
	inUse       bool
	block       *block // for the executor
}

// excess is how much must go: nothing up to high, above it all down to low.
func excess(used, limit int64, high, low float64) int64 {
	if float64(used) <= high*float64(limit) {
		return 0
	}
	return used - int64(low*float64(limit))
}

// needs is how much a tier as a whole, and each of its directories, must free.
func (t tierState) needs() (tier int64, dirs []int64) {
	var limit, used int64
	for _, d := range t.dirs {
		limit += d.limit
		if d.limit > 0 {
			used += d.used - d.owed
		}
		dirs = append(dirs, excess(d.used-d.owed, d.limit, t.high, t.low))
	}
	return excess(used, limit, t.high, t.low), dirs
}

// plan chooses the victims that bring every tier and every directory that is
// above high down to low: the coldest first, none that is in use.
func plan(tiers []tierState) []candidate {
	var victims []candidate
	for _, t := range tiers {
		type choice struct {
			candidate
			dir int
		}
		var all []choice
		for i, d := range t.dirs {
			for _, c := range d.cold {
				all = append(all, choice{c, i})
			}
		}
		slices.SortStableFunc(all, func(a, b choice) int { return a.heat.compare(b.heat) })
		tier, dirs := t.needs()
		for _, c := range all {
			if c.inUse || tier <= 0 && dirs[c.dir] <= 0 {
				continue
			}
			tier -= c.bytes
			dirs[c.dir] -= c.bytes
			victims = append(victims, c.candidate)
		}
	}
	return victims
}

// planRoom chooses the victims that make room for need more bytes in one
// directory, or none if that cannot be.
func planRoom(d dirState, need int64) []candidate {
	need -= d.limit - d.used
	var victims []candidate
	for _, c := range d.cold {
		if need <= 0 {
			break
		}
		if c.inUse {
			continue
		}
		need -= c.bytes
		victims = append(victims, c)
	}
	if need > 0 {
		return nil
	}
	return victims
}

// place chooses the directory for a file that will take need bytes when it is
// cached whole:
//
//  1. in the first tier where it stays below high, the directory with most room;
//  2. if there is none: where the coldest block of all is, among those that
//     could hold the file, so that all tiers together evict as one;
//  3. if there is none: the largest, through which the file streams.
func place(tiers []tierState, need int64) (tier, dir int, ok bool) {
	for i, t := range tiers {
		room := int64(-1)
		for j, d := range t.dirs {
			if free := d.limit - d.used; d.limit > 0 && free > room &&
				float64(d.used+need) <= t.high*float64(d.limit) {
				tier, dir, ok, room = i, j, true, free
			}
		}
		if ok {
			return tier, dir, true
		}
	}
	var coldest heat
	for i, t := range tiers {
		for j, d := range t.dirs {
			if d.limit > 0 && float64(need) <= t.high*float64(d.limit) && (!ok || d.coldest.compare(coldest) < 0) {
				tier, dir, ok, coldest = i, j, true, d.coldest
			}
		}
	}
	if ok {
		return tier, dir, true
	}
	var limit int64
	for i, t := range tiers {
		for j, d := range t.dirs {
			if d.limit > limit {
				tier, dir, ok, limit = i, j, true, d.limit
			}
		}
	}
	return tier, dir, ok
}
