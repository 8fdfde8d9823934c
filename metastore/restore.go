package metastore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"goosefs/metastore/metapb"

	"go.etcd.io/bbolt"
)

// Restore replaces the whole state by an image that Snapshot wrote. The image is
// received into a file of its own and verified first: if it is short, damaged,
// or not an image, the error says so and the old state stays. When it returns
// nil the new state is durable, and Applied is the image's index.
func (s *Store) Restore(r io.Reader) error {
	temp, err := s.receive(r)
	if err == nil {
		err = s.adopt(temp)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", s.path, err)
	}
	return nil
}

// receive writes the image's database to a file beside the store's own, and opens
// it.
func (s *Store) receive(r io.Reader) (*bbolt.DB, error) {
	f, err := os.CreateTemp(filepath.Dir(s.path), tempPattern)
	if err != nil {
		return nil, err
	}
	applied, err := copyImage(f, r)
	if err == nil {
		err = f.Sync()
	}
	var db *bbolt.DB
	if err = errors.Join(err, f.Close()); err == nil {
		db, err = openReceived(f.Name(), applied)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	if built == imageWithoutOps {
		err = db.Update(func(tx *bbolt.Tx) error {
			err := tx.DeleteBucket(ops.bucket())
			_, again := tx.CreateBucket(ops.bucket())
			return errors.Join(err, again)
		})
	}
	return db, err
}

// copyImage copies the database out of an image and returns its applied index.
func copyImage(w io.Writer, r io.Reader) (applied uint64, err error) {
	in := &checkedReader{from: r}
	head := make([]byte, imageHeadSize)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, fmt.Errorf("the image's head: %w", err)
	}
	if string(head[:len(imageMagic)]) != imageMagic {
		return 0, fmt.Errorf("not an image: it begins with %q", head[:len(imageMagic)])
	}
	numbers := head[len(imageMagic):]
	if v := binary.BigEndian.Uint32(numbers); v != format {
		return 0, fmt.Errorf("an image of format %d: this program reads format %d", v, format)
	}
	applied = binary.BigEndian.Uint64(numbers[4:])
	length := int64(binary.BigEndian.Uint64(numbers[12:]))
	if n, err := io.CopyN(w, in, length); err != nil {
		return 0, fmt.Errorf("byte %d of the image's %d: %w", n, length, err)
	}
	want := in.crc
	tail := make([]byte, 4)
	if _, err := io.ReadFull(in, tail); err != nil {
		return 0, fmt.Errorf("the image's checksum: %w", err)
	}
	if got := binary.BigEndian.Uint32(tail); got != want {
		return 0, fmt.Errorf("the image is damaged: checksum %08x, its bytes have %08x", got, want)
	}
	return applied, nil
}

// openReceived opens a received database if it is one, of the right index.
func openReceived(path string, applied uint64) (*bbolt.DB, error) {
	db, err := openDatabase(path)
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		var record metapb.State
		if err := readState(tx, &record); err != nil {
			return err
		}
		if record.Applied != applied {
			return fmt.Errorf("an image of index %d with a database of index %d", applied, record.Applied)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// adopt puts a received database into the place of the store's own. An error
// from before the rename leaves the old state; one from after it ends the store,
// as nobody could say which of the two a restart would find.
func (s *Store) adopt(db *bbolt.DB) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.batch.Lock()
	defer s.batch.Unlock()
	err, temp := s.usable(), db.Path()
	if err == nil {
		err = os.Rename(temp, s.path)
	}
	if err != nil {
		return errors.Join(err, db.Close(), os.Remove(temp))
	}
	old := s.mu.db // changes only under batch
	if err := errors.Join(s.options.disk.syncDir(filepath.Dir(s.path)), s.load(db)); err != nil {
		s.fail(err)
		return err
	}
	// It waits for reads and images that still use the old one.
	s.closing.Go(func() {
		if err := old.Close(); err != nil {
			s.options.Log.Warn("the replaced database cannot be closed", "err", err)
		}
	})
	return nil
}

// usable: the store is neither closed nor has it failed.
func (s *Store) usable() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.closed {
		return os.ErrClosed
	}
	return s.mu.err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
