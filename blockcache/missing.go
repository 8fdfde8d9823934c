package blockcache

// Missing lists the absent ranges within [off, off+n), in order, apart, widened
// to chunks and clipped to the file's length. What another call is putting just
// now is absent.
func (f *File) Missing(off, n int64) []Range {
	info := f.entry.info
	if off < 0 || n <= 0 || off >= info.Length {
		return nil
	}
	first := off / ChunkSize
	end := (off + min(n, info.Length-off) + ChunkSize - 1) / ChunkSize
	var ranges []Range
	add := func(chunk, n int64) {
		length := min(n*ChunkSize, info.Length-chunk*ChunkSize)
		if last := len(ranges) - 1; last >= 0 && ranges[last].Off+ranges[last].Len == chunk*ChunkSize {
			ranges[last].Len += length
			return
		}
		ranges = append(ranges, Range{chunk * ChunkSize, length})
	}
	f.entry.mu.Lock()
	defer f.entry.mu.Unlock()
	b := f.entry.mu.body
	if b == nil {
		add(first, end-first)
		return ranges
	}
	for chunk := first; chunk < end; {
		p, s := slotOf(chunk)
		if b.pages[p] == nil { // a page of nothing, in one step
			k := min(end-chunk, pageSlots-s)
			add(chunk, k)
			chunk += k
			continue
		}
		if !isRecord(b.slotLocked(chunk)) {
			add(chunk, 1)
		}
		chunk++
	}
	return ranges
}
