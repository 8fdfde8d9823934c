package blockcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// bodyFor returns the file's pair on disk, making it if there is none. nil
// means that there is no room, or no directory in service.
func (c *Cache) bodyFor(e *entry) *body {
	for range len(c.dirs) + 1 {
		e.mu.Lock()
		b, retired := e.mu.body, e.mu.retired
		e.mu.Unlock()
		if b != nil || retired {
			return b
		}
		d := c.choose(e.info)
		if d == nil {
			return nil
		}
		cost := overhead(e.info, d.quota) + pageSize // and perhaps the shard
		ok, nearFull := d.reserve(cost)
		if nearFull {
			c.wake()
		}
		if !ok && c.makeRoom(d, cost) {
			ok, _ = d.reserve(cost)
		}
		if !ok {
			return nil
		}
		b, err := c.create(e, d, cost)
		switch judge(err) {
		case noFault:
			return b
		case faultDevice:
			c.failDir(d, err) // and try the next
		case faultSpace:
			d.full()
			c.wake()
			return nil
		default:
			c.log.Warn("cannot make a cache file", "err", err)
			return nil
		}
	}
	return nil
}

// choose is place, applied.
func (c *Cache) choose(info FileInfo) *dir {
	t, d, ok := place(c.states(), whole(info)+pageSize)
	if !ok {
		return nil
	}
	return c.tiers[t].dirs[d]
}

// create makes a pair of files, whose cost is reserved, unless another call was
// quicker. If it fails nothing is left and the cost is given back.
func (c *Cache) create(e *entry, d *dir, cost int64) (*body, error) {
	e.names.Lock()
	defer e.names.Unlock()
	e.mu.Lock()
	b, retired := e.mu.body, e.mu.retired
	e.mu.Unlock()
	if b != nil || retired {
		d.release(cost)
		return b, nil
	}
	made, err := d.makeShard(e.info.ID)
	if err == nil && !made {
		d.release(pageSize)
		cost -= pageSize
	}
	if err != nil {
		d.release(cost)
		return nil, err
	}
	if made {
		cost -= pageSize // the shard stays
	}
	data, index, err := c.createPair(d, e.info)
	if err != nil {
		_ = os.Remove(d.indexPath(e.info.ID))
		_ = os.Remove(d.dataPath(e.info.ID))
		d.release(cost)
		return nil, err
	}
	b = newBody(e, d)
	b.charge = cost
	c.fds.release(c.fds.add(b, data, index))

	e.mu.Lock()
	d.mu.Lock()
	failed := d.mu.failed
	d.mu.Unlock()
	if failed == nil {
		e.mu.body = b
	} else {
		b.gone = true
	}
	e.mu.Unlock()
	if failed != nil {
		c.retire(b)
		return nil, failed
	}
	return b, nil
}

// makeShard makes the sub-directory for a file, if it is not there yet. That it was made once says little: people clear folders.
func (d *dir) makeShard(id int64) (made bool, err error) {
	name := shard(id)
	d.mu.Lock()
	known := d.mu.shards[name]
	d.mu.Unlock()
	at := filepath.Join(d.path, "blocks", name)
	if _, err := os.Lstat(at); known && err == nil {
		return false, nil
	}
	err = os.Mkdir(at, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(filepath.Dir(at), 0o700); errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the cache's folder %s is gone: %w", d.path, syscall.ENODEV)
		}
		err = os.Mkdir(at, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	made = !d.mu.shards[name]
	d.mu.shards[name] = true
	return made, nil
}

func (c *Cache) createPair(d *dir, info FileInfo) (data, index diskFile, err error) {
	data, err = c.createSparse(d.dataPath(info.ID), info.Length)
	if err != nil {
		return nil, nil, err
	}
	index, err = c.createSparse(d.indexPath(info.ID), indexSize(info))
	if err == nil {
		_, err = index.WriteAt(header{storeID: c.storeID, info: info}.encode(), 0)
	}
	if err != nil {
		_ = data.Close()
		if index != nil {
			_ = index.Close()
		}
		return nil, nil, err
	}
	return data, index, nil
}

// createSparse makes a file that is one hole. Its full length now keeps file
// systems from allocating ahead later.
func (c *Cache) createSparse(path string, size int64) (diskFile, error) {
	f, err := c.open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if os.IsExist(err) { // a stranger: our own names are unlinked by their owner
		if err = os.Remove(path); err == nil {
			f, err = c.open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
