package blockcache

import (
	"io/fs"
	"strings"
	"sync"
)

// faults is a disk on which things go wrong. Each rule looks at an operation
// ("open", "read", "write", "punch", "truncate") on a path.
type faults struct {
	mu struct {
		sync.Mutex
		rule func(op, path string) error
	}
}

func (f *faults) set(rule func(op, path string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.rule = rule
}

// on makes one operation fail under one directory, or everywhere.
func (f *faults) on(op, under string, err error) {
	f.set(func(o, path string) error {
		if o == op && strings.Contains(path, under) {
			return err
		}
		return nil
	})
}

func (f *faults) check(op, path string) error {
	f.mu.Lock()
	rule := f.mu.rule
	f.mu.Unlock()
	if rule == nil {
		return nil
	}
	if err := rule(op, path); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

func (f *faults) open(path string, flag int) (diskFile, error) {
	if err := f.check("open", path); err != nil {
		return nil, err
	}
	file, err := openOS(path, flag)
	return faultyFile{file, f, path}, err
}

type faultyFile struct {
	diskFile
	faults *faults
	path   string
}

func (f faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.faults.check("read", f.path); err != nil {
		return 0, err
	}
	return f.diskFile.ReadAt(p, off)
}

// WriteAt that fails has written the first half: a torn write.
func (f faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.faults.check("write", f.path); err != nil {
		n, _ := f.diskFile.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.diskFile.WriteAt(p, off)
}

func (f faultyFile) Sync() error {
	if err := f.faults.check("sync", f.path); err != nil {
		return err
	}
	return f.diskFile.Sync()
}

func (f faultyFile) punch(off, n int64) error {
	if err := f.faults.check("punch", f.path); err != nil {
		return err
	}
	return f.diskFile.punch(off, n)
}

func (f faultyFile) Truncate(n int64) error {
	if err := f.faults.check("truncate", f.path); err != nil {
		return err
	}
	return f.diskFile.Truncate(n)
}
