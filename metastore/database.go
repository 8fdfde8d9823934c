package metastore

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"goosefs/metastore/metapb"

	"go.etcd.io/bbolt"
)

const (
	// mapBytes of address space (not memory) are reserved, so that the database
	// can grow without waiting for readers to leave. (0 where int is too small.)
	mapBytes = (64 << 30) & math.MaxInt

	// lockWait is how long a process that is just ending may still hold the file.
	lockWait = 5 * time.Second

	tempPattern = databaseName + ".*.tmp"
)

// Damage is the panic of a store that finds its own records unreadable, or a
// contract of the log broken. Going on would make members differ.
type Damage struct {
	What string
	Err  error
}

func (d *Damage) Error() string {
	if d.Err == nil {
		return "metastore: damaged: " + d.What
	}
	return fmt.Sprintf("metastore: damaged: %s: %v", d.What, d.Err)
}

func (d *Damage) Unwrap() error { return d.Err }

// openDatabase opens a database file, whatever it holds. A file that is not a
// database is an error. One with damaged pages makes bbolt panic, on a goroutine
// of its own, with the page's number: the member's folder has to go, and it gets
// an image from another member.
//
// The list of free pages is written with each commit, which is once in some
// seconds: without it every page of the tree would have to be read now.
func openDatabase(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// layOut makes the buckets of a new database, and leaves another one alone.
func layOut(db *bbolt.DB) error {
	isNew := false
	err := db.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Cursor().First()
		isNew = k == nil
		return nil
	})
	if err != nil || !isNew {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, sp := range spaces() {
			if _, err := tx.CreateBucket(sp.bucket()); err != nil {
				return err
			}
		}
		if _, err := tx.CreateBucket([]byte(metaBucket)); err != nil {
			return err
		}
		return writeState(tx, state{})
	})
}

// readState reads the state record and refuses databases of another layout.
func readState(tx *bbolt.Tx, r *metapb.State) error {
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil {
		return errors.New("not a metastore: no state")
	}
	for _, sp := range spaces() {
		if tx.Bucket(sp.bucket()) == nil {
			return fmt.Errorf("not a metastore: no %s", sp.bucket())
		}
	}
	unmarshal(meta.Get([]byte(stateKey)), r)
	if r.Format != format {
		return fmt.Errorf("format %d: this program reads format %d", r.Format, format)
	}
	return nil
}

func writeState(tx *bbolt.Tx, st state) error {
	return tx.Bucket([]byte(metaBucket)).Put([]byte(stateKey), marshal(stateRecord(st)))
}

func stateRecord(st state) *metapb.State {
	return &metapb.State{
		Format: format, Applied: st.applied, Commands: st.commands,
		NextContainer: st.nextContainer, NextMount: st.nextMount,
		Files: st.files, Dirs: st.dirs, Trash: st.trash, Unpersisted: st.unpersisted,
		HashLow: st.sum.low, HashHigh: st.sum.high,
	}
}

func stateOf(r *metapb.State) state {
	return state{
		applied: r.Applied, commands: r.Commands,
		nextContainer: r.NextContainer, nextMount: r.NextMount,
		files: r.Files, dirs: r.Dirs, trash: r.Trash, unpersisted: r.Unpersisted,
		sum: sum{low: r.HashLow, high: r.HashHigh},
	}
}

// removeLeftovers deletes images that a crash left half received.
func removeLeftovers(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if old, _ := filepath.Match(tempPattern, f.Name()); old {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}
