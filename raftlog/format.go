package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// Format empties a journal's folder, or makes it. It refuses one that a process has open.
func Format(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, lockName))
	held, err := lock.TryLock()
	if err != nil {
		return fault("lock", lock.Path(), err)
	}
	if !held {
		return refuse(dir, syscall.EBUSY, "a master has it open; stop it first")
	}
	defer lock.Close()
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}
