package blockcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// newSuffix ends the names of files that are being written. Those of an earlier life of the cache are removed.
const newSuffix = ".new"

// Writer receives the bytes of a new file whose length nobody knows yet, in order. Nothing of it can be found before
// Commit. It is for one goroutine, and exactly one of Commit and Abort ends it.
type Writer struct {
	cache *Cache
	dir   *dir
	id    int64
	kept  bool

	path    string   // of the data
	data    diskFile // nil when the writer has ended
	charge  int64    // bytes reserved for the data
	length  int64
	crc     uint32   // of what there is of the last chunk, if it is not full
	records []uint64 // of the full chunks
}

// Create starts a file of one block that will be about so long; more bytes than that are taken as long as there is room.
//
// A file that is kept is the only copy of its bytes: it is never evicted, Commit makes it durable, and that stays so when
// the cache is opened again, until [Cache.LetGo]. ENOSPC says that there is no room that could be made.
func (c *Cache) Create(id, about int64, kept bool) (*Writer, error) {
	if id <= 0 || about < 0 {
		return nil, FileInfo{ID: id}.failure("create", syscall.EINVAL)
	}
	c.running.RLock()
	defer c.running.RUnlock()
	if c.closed {
		return nil, FileInfo{ID: id}.failure("create", syscall.EBADF)
	}
	about = min(about, maxLength/2)
	for range len(c.dirs) + 1 {
		d := c.choose(FileInfo{ID: id, Length: about, BlockSize: max(about, 1)})
		if d == nil {
			break
		}
		w, err := c.begin(d, id, kept)
		if judge(err) == faultDevice {
			c.failDir(d, err)
			continue
		}
		return w, err
	}
	return nil, FileInfo{ID: id}.failure("create", syscall.ENOSPC)
}

// begin starts a file in a directory.
func (c *Cache) begin(d *dir, id int64, kept bool) (*Writer, error) {
	if !c.reserve(d, pageSize) { // perhaps for the shard
		return nil, FileInfo{ID: id}.failure("create", syscall.ENOSPC)
	}
	made, err := d.makeShard(id)
	if err != nil || !made {
		d.release(pageSize)
	}
	if err != nil {
		return nil, err
	}
	w := &Writer{cache: c, dir: d, id: id, kept: kept}
	w.path = fmt.Sprintf("%s.%d%s", d.dataPath(id), c.writers.Add(1), newSuffix)
	w.data, err = c.open(w.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// reserve takes n bytes of a directory, and makes room for them if need be.
func (c *Cache) reserve(d *dir, n int64) bool {
	for range maxTries {
		ok, nearFull := d.reserve(n)
		if nearFull {
			c.wake()
		}
		if ok {
			return true
		}
		if !c.makeRoom(d, n) {
			return false
		}
	}
	return false
}

// Write implements [io.Writer]. After an error the writer can only be aborted.
func (w *Writer) Write(p []byte) (int, error) {
	c := w.cache
	c.running.RLock()
	defer c.running.RUnlock()
	if w.data == nil || c.closed {
		return 0, w.failure("write", syscall.EBADF)
	}
	end := w.length + int64(len(p))
	if end > maxLength {
		return 0, w.failure("write", syscall.EFBIG)
	}
	if need := (end+pageSize-1)/pageSize*pageSize - w.charge; need > 0 {
		if !c.reserve(w.dir, need) {
			return 0, w.failure("write", syscall.ENOSPC)
		}
		w.charge += need
	}
	if _, err := w.data.WriteAt(p, w.length); err != nil {
		return 0, w.diskFailed("write", err)
	}
	w.sum(p)
	return len(p), nil
}

// sum takes bytes that were written into the checksums.
func (w *Writer) sum(p []byte) {
	for len(p) > 0 {
		room := ChunkSize - w.length%ChunkSize
		part := p[:min(int64(len(p)), room)]
		w.crc = checksumOn(w.crc, part)
		w.length += int64(len(part))
		if int64(len(part)) == room {
			w.endChunk()
		}
		p = p[len(part):]
	}
}

func (w *Writer) endChunk() {
	w.records = append(w.records, makeRecord(w.id, int64(len(w.records)), w.crc))
	w.crc = 0
}

// Len is how many bytes were written.
func (w *Writer) Len() int64 { return w.length }

// Commit makes the file visible, with the length that it has now, which may not be 0. EEXIST says that there is a file of
// the id already, which stays. After an error nothing is left.
func (w *Writer) Commit() error {
	c := w.cache
	c.running.RLock()
	defer c.running.RUnlock()
	if w.data == nil {
		return w.failure("commit", syscall.EBADF)
	}
	info := FileInfo{ID: w.id, Length: w.length, BlockSize: w.length}
	err := info.validate()
	if err == nil && c.closed {
		err = w.failure("commit", syscall.EBADF)
	}
	if err == nil {
		err = w.commit(info)
	}
	if err != nil {
		w.abort()
	}
	return err
}

func (w *Writer) commit(info FileInfo) error {
	c := w.cache
	if w.length%ChunkSize != 0 {
		w.endChunk()
	}
	e := c.entryFor(info)
	defer func() {
		e.mu.Lock()
		e.mu.handles--
		e.mu.Unlock()
		c.forgetIdle(e)
	}()
	e.names.Lock()
	defer e.names.Unlock()
	e.mu.Lock()
	taken := e.mu.body != nil || e.mu.retired
	e.mu.Unlock()
	if e.info != info || taken {
		return w.failure("commit", syscall.EEXIST)
	}
	pages := (indexSize(info) + pageSize - 1) / pageSize
	cost := overhead(info, w.dir.quota) + (pages-1)*pageSize
	if !c.reserve(w.dir, cost) {
		return w.failure("commit", syscall.ENOSPC)
	}
	index, err := w.publish(info)
	if err != nil {
		w.dir.release(cost)
		return w.diskFailed("commit", err)
	}
	if !w.adopt(e, index, cost) {
		return w.failure("commit", syscall.EIO)
	}
	c.counts.bytesKept.Add(w.length)
	c.changes.note(blockKey{w.id, 0})
	return nil
}

// entryFor counts a handle on the entry of the id: one of another shape only if something of that is cached.
func (c *Cache) entryFor(info FileInfo) *entry {
	for {
		e, ok := c.acquire(info)
		if ok {
			return e
		}
		e.mu.Lock()
		taken := e.mu.body != nil
		if taken {
			e.mu.handles++
		}
		e.mu.Unlock()
		if taken {
			return e
		}
		c.expel(e)
	}
}

// publish writes the index and gives both files their names, the data first: data without an index is a known relict. The
// caller holds entry.names.
func (w *Writer) publish(info FileInfo) (index diskFile, err error) {
	c, temp := w.cache, w.path+".idx"+newSuffix
	if index, err = c.open(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return nil, err
	}
	_, err = index.WriteAt(append(header{c.storeID, info, w.kept}.encode(), encodeSlots(w.records)...), 0)
	if err == nil && w.kept {
		err = errors.Join(w.data.Sync(), index.Sync())
	}
	if err == nil {
		err = os.Rename(w.path, w.dir.dataPath(w.id))
	}
	if err == nil {
		w.path = w.dir.dataPath(w.id)
		if err = os.Rename(temp, w.dir.indexPath(w.id)); err == nil {
			temp = w.dir.indexPath(w.id)
		}
	}
	if err == nil && w.kept {
		err = w.dir.syncNames(w.id)
	}
	if err != nil {
		_ = index.Close()
		_ = os.Remove(temp)
		return nil, err
	}
	return index, nil
}

// syncNames makes the names of a file durable.
func (d *dir) syncNames(id int64) error {
	shard := filepath.Dir(d.dataPath(id))
	for _, path := range []string{shard, filepath.Dir(shard)} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// adopt brings the written pair into service and takes over the writer's file, unless the directory has failed.
func (w *Writer) adopt(e *entry, index diskFile, cost int64) bool {
	c, d := w.cache, w.dir
	b := newBody(e, d)
	b.kept.Store(w.kept)
	b.charge = w.charge + cost
	for i := range b.paid {
		b.paid[i] = true
	}
	if s, err := w.data.stat(); err == nil {
		b.written = s.changed
	}
	k := &block{body: b, bytes: w.length}
	k.charge.Store(w.charge)
	b.blocks[0] = k
	for chunk, record := range w.records {
		b.setSlotLocked(int64(chunk), record)
		b.trustLocked(int64(chunk), record)
	}
	c.fds.release(c.fds.add(b, w.data, index))
	w.data, w.charge = nil, 0
	e.mu.Lock()
	alive := !d.isFailed()
	if alive {
		e.mu.body = b
	} else {
		b.gone = true
	}
	e.mu.Unlock()
	if !alive {
		c.retire(b)
		return false
	}
	d.touch(k, c.touches.Add(1))
	return true
}

// Abort forgets the bytes written. After the end it does nothing.
func (w *Writer) Abort() {
	w.cache.running.RLock()
	defer w.cache.running.RUnlock()
	w.abort()
}

func (w *Writer) abort() {
	if w.data == nil {
		return
	}
	_ = w.data.Close()
	_ = os.Remove(w.path)
	w.dir.release(w.charge)
	w.data, w.charge = nil, 0
}

func (w *Writer) failure(op string, errno syscall.Errno) error {
	return &fs.PathError{Op: op, Path: strconv.FormatInt(w.id, 10), Err: errno}
}

// diskFailed does what a disk's error calls for, and is the error for the caller.
func (w *Writer) diskFailed(op string, err error) error {
	switch judge(err) {
	case faultSpace:
		w.dir.full()
		w.cache.wake()
		return w.failure(op, syscall.ENOSPC)
	case faultDevice:
		w.cache.failDir(w.dir, err)
	}
	return because(w.failure(op, syscall.EIO), "%v", err)
}

// Kept says whether a file is the only copy of its bytes, see [Cache.Create].
func (c *Cache) Kept(id int64) bool {
	e := c.lookup(id)
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.body != nil && e.mu.body.kept.Load()
}

// LetGo says that a file's bytes are elsewhere too: from now on it may be evicted. A file that is not kept, or not cached,
// is no mistake.
func (c *Cache) LetGo(id int64) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return
	}
	e.mu.Lock()
	b := e.mu.body
	if b == nil || !b.kept.Load() {
		e.mu.Unlock()
		return
	}
	k := b.pinLocked(0)
	e.mu.Unlock()
	defer c.unpin(b, k)
	files, err := c.fds.get(b)
	if err == nil {
		_, err = files.index.WriteAt(header{c.storeID, e.info, false}.encode(), 0)
		c.fds.release(files)
	}
	if err != nil {
		c.openFailed(b, err)
		return // it is kept until somebody says so again
	}
	b.kept.Store(false)
	b.dir.touch(k, c.touches.Add(1))
}
