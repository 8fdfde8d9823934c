package blockcache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Open locks the directories, reads back what is cached in them, and starts the
// evictor. A directory whose disk is sick is out of service; one that belongs to
// another worker or another process, or cannot be one, is refused by name.
func Open(o Options) (*Cache, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Cache{
		log:     o.Log,
		open:    o.open,
		evicts:  o.Policy != NONE,
		fds:     newDescriptors(o.open, o.OpenFiles),
		changes: newChangeLog(maxChanges),
		held:    newHeldFiles(o.open, o.Handouts),
		doubts:  newDoubts(),
		kick:    make(chan struct{}, 1),
	}
	c.files.byID = map[int64]*entry{}
	for _, t := range o.Tiers {
		tt := &tier{alias: t.Alias, high: t.High, low: t.Low}
		for _, od := range t.Dirs {
			d := &dir{path: od.Path, quota: od.Quota, tier: tt}
			d.mu.order, d.mu.shards = newOrder(o.Policy), map[string]bool{}
			d.setLimitLocked(od.Quota)
			tt.dirs = append(tt.dirs, d)
			c.dirs = append(c.dirs, d)
		}
		c.tiers = append(c.tiers, tt)
	}
	if err := c.start(); err != nil {
		_ = unlockAll(c.dirs)
		return nil, err
	}
	return c, nil
}

// start brings the directories into service.
func (c *Cache) start() error {
	if err := c.eachDir(c.prepare); err != nil {
		return err
	}
	if err := c.identify(); err != nil {
		return err
	}
	if err := c.eachDir(makeFolders); err != nil {
		return err
	}
	if err := c.load(); err != nil {
		return err
	}
	c.look()
	for _, d := range c.dirs {
		if s := d.state(); s.used > s.limit {
			c.round(context.Background()) // the quota is less than it was
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.evictor.Go(func() { c.run(ctx) })
	c.evictor.Go(func() { c.verify(ctx) })
	c.wake()
	return nil
}

// eachDir does a step for every directory in service. A sick disk takes its
// directory out of service; any other error, or no directory left, is returned.
func (c *Cache) eachDir(step func(*dir) error) error {
	var first error
	left := 0
	for _, d := range c.dirs {
		if d.isFailed() {
			continue
		}
		err := step(d)
		switch {
		case err == nil:
			left++
		case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EUCLEAN):
			c.failDir(d, err)
			if first == nil {
				first = err
			}
		default:
			return err
		}
	}
	if left == 0 && first != nil {
		return because(first, "no cache directory is in service")
	}
	return nil
}

func (d *dir) isFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.failed != nil
}

func (c *Cache) prepare(d *dir) error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	return d.takeLock()
}

// makeFolders makes what a directory consists of and charges for it.
func makeFolders(d *dir) error {
	for _, name := range []string{"blocks", "quarantine"} {
		if err := os.Mkdir(filepath.Join(d.path, name), 0o700); err != nil && !os.IsExist(err) {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.used = ownNames * pageSize
	return nil
}

// ownNames is what a directory holds besides files: itself, blocks, quarantine, lock, the store id.
const ownNames = 5
