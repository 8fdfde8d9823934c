package blockcache

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

const (
	identityName = "goosefs-worker.json"
	lockName     = "lock"
)

// identity is the file that says whose cache a directory is, and of which
// cluster its file ids are.
type identity struct {
	StoreID int64  `json:"storeId"`
	Cluster string `json:"cluster,omitempty"`
}

// takeLock locks the directory for this process, which leaves its pid there.
func (d *dir) takeLock() error {
	path := filepath.Join(d.path, lockName)
	l := flock.New(path)
	ok, err := l.TryLock()
	if err != nil {
		return err
	}
	if !ok {
		pid, _ := os.ReadFile(path)
		return because(&fs.PathError{Op: "lock", Path: d.path, Err: syscall.EBUSY},
			"the cache directory is in use by process %s", strings.TrimSpace(string(pid)))
	}
	d.lock = l
	return os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600)
}

// unlockAll gives back the locks and returns the first error.
func unlockAll(dirs []*dir) (first error) {
	for _, d := range dirs {
		if d.lock == nil {
			continue
		}
		if err := d.lock.Unlock(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// identify finds the one store id of all directories, or makes it, and leaves
// it in those that are new.
func (c *Cache) identify() error {
	var owner *dir
	var fresh []*dir
	err := c.eachDir(func(d *dir) error {
		text, err := d.readIdentity()
		id := text.StoreID
		d.cluster = text.Cluster
		switch {
		case err != nil:
			return err
		case id == 0:
			fresh = append(fresh, d)
		case owner == nil:
			owner, c.storeID = d, id
		case id != c.storeID:
			return because(&fs.PathError{Op: "open cache", Path: d.path, Err: syscall.EINVAL},
				"the cache of worker %d, but %s is of worker %d; give each worker its own directories, or empty one of them",
				id, owner.path, c.storeID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.storeID == 0 {
		c.storeID = newStoreID()
	}
	for _, d := range fresh {
		if err := d.writeIdentity(identity{StoreID: c.storeID}); err != nil {
			switch judge(err) {
			case faultDevice:
				c.failDir(d, err)
			default:
				return err
			}
		}
	}
	return nil
}

// newStoreID is random and positive.
func newStoreID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.LittleEndian.Uint64(b[:])>>1) | 1
}

// readIdentity returns none for a directory that was never used.
func (d *dir) readIdentity() (id identity, err error) {
	path := filepath.Join(d.path, identityName)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		if _, err := os.Lstat(filepath.Join(d.path, "blocks")); err == nil {
			return id, because(&fs.PathError{Op: "open cache", Path: path, Err: syscall.ENOENT},
				"there are cached blocks, but nothing says of which worker; remove %s to start empty",
				filepath.Join(d.path, "blocks"))
		}
		return id, nil
	}
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(text, &id); err != nil || id.StoreID <= 0 {
		return id, because(&fs.PathError{Op: "open cache", Path: path, Err: syscall.EINVAL},
			"not a worker's identity; remove the contents of %s to start empty", d.path)
	}
	return id, nil
}

// writeIdentity leaves the id for good: it is there whole, or not at all, and
// before the first block is.
func (d *dir) writeIdentity(id identity) error {
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	path := filepath.Join(d.path, identityName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
