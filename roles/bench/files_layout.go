package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// FilesLayout is what is read: one large file, and many small ones in directories of up to filesPerDirectory.
type FilesLayout struct {
	Size     int64 `json:"size"` // of the large file
	Files    int64 `json:"files"`
	FileSize int64 `json:"fileSize"`
	// Complete is false while the files are written, so that what a killed run left is not taken for them.
	Complete bool `json:"complete"`
}

const (
	filesPerDirectory = 1000
	// ownFolder is where a run has its files in a folder that it may write.
	ownFolder = ".goosefs-bench"
	// layoutName has no dot in front: web servers would not list it.
	layoutName = "goosefs-bench.json"
	largeName  = "large"
	smallName  = "small"
)

func (l FilesLayout) directory(root string, i int64) string {
	return filepath.Join(root, smallName, fmt.Sprintf("d%04d", i))
}

func (l FilesLayout) directories() int64 {
	return (l.Files + filesPerDirectory - 1) / filesPerDirectory
}

// inDirectory is how many files the i-th directory has.
func (l FilesLayout) inDirectory(i int64) int64 {
	return min(filesPerDirectory, l.Files-i*filesPerDirectory)
}

func (l FilesLayout) file(root string, i int64) string {
	return filepath.Join(l.directory(root, i/filesPerDirectory), fmt.Sprintf("f%06d", i))
}

func (l FilesLayout) bytes() int64 { return l.Size + l.Files*l.FileSize }

func (l FilesLayout) String() string {
	return fmt.Sprintf("a file of %s and %s files of %s", bytesText(l.Size), commas(l.Files), bytesText(l.FileSize))
}

// readLayout finds what was laid in root: fs.ErrNotExist if nothing was.
func readLayout(root string) (l FilesLayout, err error) {
	name := filepath.Join(root, layoutName)
	text, err := os.ReadFile(name)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return l, nil
}

func (l FilesLayout) write(root string) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, layoutName), append(text, '\n'), 0o644)
}

// lay makes root and fills it, or keeps it if that was done before; made says which. What it could not finish it removes.
// It refuses a folder with other files.
func (l FilesLayout) lay(ctx context.Context, root string, p *progress) (made bool, err error) {
	l.Complete = true
	switch found, err := readLayout(root); {
	case err == nil && found == l:
		return false, nil
	case err == nil && found.Complete:
		return false, fmt.Errorf("%s holds %s of an earlier run: remove it, or ask for the same", root, found)
	case err == nil: // a run was killed while it wrote
		if err := os.RemoveAll(root); err != nil {
			return false, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		names, failed := os.ReadDir(root)
		if !errors.Is(err, fs.ErrExist) || failed != nil {
			return false, errors.Join(err, failed)
		}
		if len(names) > 0 {
			return false, fmt.Errorf("%s holds other files: name a new folder", root)
		}
	}
	if err = l.fill(ctx, root, p); err != nil {
		return false, errors.Join(err, os.RemoveAll(root))
	}
	return true, nil
}

func (l FilesLayout) fill(ctx context.Context, root string, p *progress) error {
	if err := l.enough(root); err != nil {
		return err
	}
	started := l
	started.Complete = false
	if err := started.write(root); err != nil {
		return err
	}
	var done atomic.Int64
	stop := p.watch("lay files in "+root+", KiB", &done, l.bytes()>>10)
	defer stop()
	noise := rand.NewChaCha8([32]byte{1})
	buffer := make([]byte, 1<<20)
	if err := writeNoise(ctx, filepath.Join(root, largeName), l.Size, noise, buffer, &done); err != nil {
		return err
	}
	for i := range l.Files {
		if i%filesPerDirectory == 0 {
			if err := os.MkdirAll(l.directory(root, i/filesPerDirectory), 0o755); err != nil {
				return err
			}
		}
		if err := writeNoise(ctx, l.file(root, i), l.FileSize, noise, buffer, &done); err != nil {
			return err
		}
	}
	if err := l.write(root); err != nil {
		return err
	}
	return syncBelow(root) // pages that are not on disk yet would not be dropped
}

// enough says whether the files fit.
func (l FilesLayout) enough(root string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(root, &s); err != nil {
		return &fs.PathError{Op: "statfs", Path: root, Err: err}
	}
	if free := int64(s.Bavail) * s.Bsize; free < l.bytes() {
		return fmt.Errorf("%s: %s are needed and %s are free: choose a smaller --size, --files or --file-size", filepath.Dir(root),
			bytesText(l.bytes()), bytesText(free))
	}
	return nil
}

// writeNoise writes bytes that nothing compresses.
func writeNoise(ctx context.Context, name string, size int64, noise io.Reader, buffer []byte, done *atomic.Int64) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		part := buffer[:min(left, int64(len(buffer)))]
		if _, err := io.ReadFull(noise, part); err != nil {
			return err
		}
		if _, err := f.Write(part); err != nil {
			return err
		}
		left -= int64(len(part))
		done.Add(int64(len(part)) >> 10)
	}
	return nil
}

// syncBelow has the file system of a folder written to disk.
func syncBelow(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil && !errors.Is(err, syscall.ENOSYS) {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}

// bytesText writes a size in the largest unit that it has at least one of: 1 GiB, 100 KiB, 1.5 MiB.
func bytesText(n int64) string {
	value, unit := float64(n), 0
	for units := 4; value >= 1024 && unit < units; unit++ {
		value /= 1024
	}
	return fmt.Sprintf("%.4g %s", value, []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}
