package blockcache

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loaded is a pair that was read back.
type loaded struct {
	body *body
	put  time.Time // when something was last put: the best there is to rank by
}

// load reads back what the directories hold. It runs before anything else can
// reach the cache.
func (c *Cache) load() error {
	found := make([][]loaded, len(c.dirs))
	errs := make([]error, len(c.dirs))
	var wg sync.WaitGroup
	for i, d := range c.dirs {
		if !d.isFailed() {
			wg.Go(func() { found[i], errs[i] = c.loadDir(d) })
		}
	}
	wg.Wait()
	for i, err := range errs {
		if judge(err) == faultDevice {
			c.failDir(c.dirs[i], err)
		} else if err != nil {
			return err
		}
	}
	all := slices.Concat(found...)
	slices.SortStableFunc(all, func(a, b loaded) int {
		return cmp.Or(a.put.Compare(b.put), cmp.Compare(a.body.entry.info.ID, b.body.entry.info.ID))
	})
	for _, l := range all {
		c.adoptBody(l.body)
	}
	return nil
}

// adoptBody brings a body that was read back into service.
func (c *Cache) adoptBody(b *body) {
	e := b.entry
	if b.dir.isFailed() {
		return
	}
	b.dir.mu.Lock()
	b.dir.mu.used += b.charge
	b.dir.mu.Unlock()
	if c.files.byID[e.info.ID] != nil {
		c.log.Warn("another directory holds the file too, dropped", "path", b.dir.dataPath(e.info.ID))
		if err := removeBoth(b.dir.indexPath(e.info.ID), b.dir.dataPath(e.info.ID)); err != nil {
			c.failDir(b.dir, err) // else its space would be taken and not counted
			return
		}
		b.dir.release(b.charge)
		return
	}
	c.files.byID[e.info.ID] = e
	e.mu.body = b
	blocks := make([]*block, 0, len(b.blocks))
	for _, k := range b.blocks {
		blocks = append(blocks, k)
	}
	slices.SortFunc(blocks, func(x, y *block) int { return cmp.Compare(x.index, y.index) })
	for _, k := range blocks {
		b.dir.found(k, c.touches.Add(1))
	}
}

// loadDir reads back one directory. What is not ours is moved out of the way.
func (c *Cache) loadDir(d *dir) (found []loaded, err error) {
	root := filepath.Join(d.path, "blocks")
	shards, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, s := range shards {
		path := filepath.Join(root, s.Name())
		if n, err := strconv.ParseUint(s.Name(), 16, 8); err != nil || !s.IsDir() || s.Name() != shardName(byte(n)) {
			c.quarantine(d, errName, path)
			continue
		}
		names, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		size := int64(pageSize)
		if info, err := s.Info(); err == nil {
			size = max(size, info.Size())
		}
		d.mu.Lock()
		d.mu.shards[s.Name()] = true
		d.mu.used += size
		d.mu.Unlock()
		for _, name := range names {
			l, err := c.loadName(d, s.Name(), name)
			if err != nil {
				return nil, err
			}
			if l.body != nil {
				found = append(found, l)
			}
		}
	}
	return found, c.trimQuarantine(d)
}

// loadName looks at one name of a shard; an index stands for its pair.
func (c *Cache) loadName(d *dir, shardName string, name fs.DirEntry) (loaded, error) {
	path := filepath.Join(d.path, "blocks", shardName, name.Name())
	if strings.HasSuffix(name.Name(), newSuffix) && name.Type().IsRegular() {
		return loaded{}, os.Remove(path) // its writer is no more
	}
	text, isIndex := strings.CutSuffix(name.Name(), ".idx")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || text != strconv.FormatInt(id, 10) || shard(id) != shardName || !name.Type().IsRegular() {
		c.quarantine(d, errName, path)
		return loaded{}, nil
	}
	if !isIndex {
		if _, err := os.Lstat(d.indexPath(id)); os.IsNotExist(err) {
			c.log.Debug("cached data without an index, removed", "path", path)
			return loaded{}, os.Remove(path)
		}
		return loaded{}, nil
	}
	l, err := c.loadPair(d, id)
	switch {
	case err == nil:
		return l, nil
	case judge(err) == faultDevice, judge(err) == faultCaller:
		return loaded{}, err // the file is not to blame
	}
	c.quarantine(d, err, d.indexPath(id), d.dataPath(id))
	return loaded{}, nil
}

// loadPair reads an index and compares it with its data file. It returns no
// body, and no error, for a pair that holds nothing; that is removed.
func (c *Cache) loadPair(d *dir, id int64) (loaded, error) {
	stat, err := os.Lstat(d.indexPath(id))
	if err != nil {
		return loaded{}, err
	}
	index, err := c.open(d.indexPath(id), os.O_RDONLY)
	if err != nil {
		return loaded{}, err
	}
	defer index.Close()
	r := bufio.NewReaderSize(io.NewSectionReader(index, 0, stat.Size()), 64<<10)
	top := make([]byte, headerSize)
	n, err := io.ReadFull(r, top)
	if errors.Is(err, syscall.EIO) {
		return loaded{}, errSector
	}
	if err != nil && judge(err) != faultFile {
		return loaded{}, err
	}
	h, err := decodeHeader(top[:n])
	switch {
	case err != nil:
		return loaded{}, err
	case h.storeID != c.storeID, h.info.ID != id:
		return loaded{}, errForeign
	case stat.Size() != indexSize(h.info):
		return loaded{}, errLength
	}
	var ds unix.Stat_t
	if err := unix.Lstat(d.dataPath(id), &ds); err != nil {
		return loaded{}, err
	}
	if ds.Mode&unix.S_IFMT != unix.S_IFREG || ds.Size != h.info.Length {
		return loaded{}, errLength
	}

	b := newBody(&entry{info: h.info}, d)
	b.kept.Store(h.kept)
	b.written = ds.Mtim.Nano()
	if err := c.loadRecords(b, r); errors.Is(err, syscall.EIO) {
		return loaded{}, errSector
	} else if err != nil {
		return loaded{}, err
	}
	b.charge = overhead(h.info, d.quota) + max(0, diskBytes(stat)-pageSize)
	for _, k := range b.blocks {
		b.charge += k.charge.Load()
	}
	if lost := h.info.Length - b.bytesLocked(); h.kept && lost > 0 {
		c.log.Error("bytes that are nowhere else are lost", "path", d.dataPath(id), "bytes", lost)
	}
	if len(b.blocks) == 0 {
		return loaded{}, removeBoth(d.indexPath(id), d.dataPath(id))
	}
	c.reconcile(b, ds.Blocks*512)
	return loaded{b, stat.ModTime()}, nil
}

// loadRecords takes in the records that fit their place. The others are damage.
func (c *Cache) loadRecords(b *body, r io.Reader) error {
	info := b.entry.info
	var slot [8]byte
	for chunk := range info.chunks() {
		if _, err := io.ReadFull(r, slot[:]); err != nil {
			return err
		}
		record := binary.LittleEndian.Uint64(slot[:])
		if record == absent {
			continue
		}
		if record != makeRecord(info.ID, chunk, uint32(record)) {
			c.counts.damaged.Add(1)
			continue
		}
		b.setSlotLocked(chunk, record)
		p, _ := slotOf(chunk)
		b.paid[p] = true
		index := info.blockOf(chunk)
		k := b.blocks[index]
		if k == nil {
			k = &block{body: b, index: index}
			b.blocks[index] = k
		}
		k.bytes += info.chunkLen(chunk)
		k.charge.Add(allocated(info, chunk))
	}
	return nil
}

// reconcile frees the space of chunks that have no record, if there may be any: a
// crash came between the two. How much is on disk does not tell, for others may
// lack the bytes that their records speak of. What cannot be freed is paid for: the file system
// has no holes, somebody who was handed a descriptor in an earlier life of the
// cache still reads from it, or it is the file system's own.
func (c *Cache) reconcile(b *body, onDisk int64) {
	info := b.entry.info
	may := overhead(info, b.dir.quota) - pageSize
	for _, k := range b.blocks {
		may += k.charge.Load()
	}
	if int64(b.records()) == info.chunks() && onDisk <= may {
		return
	}
	if data, err := c.open(b.dir.dataPath(info.ID), os.O_RDWR); err == nil {
		if data.lockAlone() {
			b.punchGaps(data)
		}
		_ = data.Close()
	}
	var s unix.Stat_t
	if err := unix.Lstat(b.dir.dataPath(info.ID), &s); err == nil {
		onDisk = s.Blocks * 512
	}
	b.charge += max(0, onDisk-may)
}

// records is how many chunks have one.
func (b *body) records() (n int) {
	for _, pg := range b.pages {
		n += pg.used
	}
	return n
}

// punchGaps frees every run of chunks without a record, as far as that works.
func (b *body) punchGaps(data diskFile) {
	chunks := b.entry.info.chunks()
	first := int64(-1)
	for chunk := range chunks + 1 {
		gap := chunk < chunks && b.slotLocked(chunk) == absent
		if gap && first < 0 {
			first = chunk
		}
		if !gap && first >= 0 {
			if data.punch(first*ChunkSize, (chunk-first)*ChunkSize) != nil {
				return
			}
			first = -1
		}
	}
}

// diskBytes is the space that a file takes.
func diskBytes(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
