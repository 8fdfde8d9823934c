package up

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// pass is one reading of files through the mount.
type pass struct {
	files  int
	bytes  int64
	took   time.Duration // in open, read and close; computing checksums does not count
	kernel int64         // of bytes, those that the kernel held in its page cache beforehand; -1 if it does not tell
	sums   map[string][sha256.Size]byte
}

// listFiles lists the regular files below root in lexical order, as paths relative to it, up to limit bytes together;
// limit < 0 is all. rest says how many were left out.
func listFiles(root string, limit int64) (names []string, rest int, err error) {
	var total int64
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if total += info.Size(); limit >= 0 && total > limit {
			rest++
			return nil
		}
		name, err := filepath.Rel(root, path)
		names = append(names, name)
		return err
	})
	return names, rest, err
}

// readAll reads the named files below root, one after the other. progress is called now and then with the bytes so far.
func readAll(ctx context.Context, root string, names []string, progress func(bytes int64)) (pass, error) {
	p := pass{sums: make(map[string][sha256.Size]byte, len(names))}
	buf := make([]byte, 1<<20)
	for _, name := range names {
		if err := p.read(ctx, root, name, buf, progress); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *pass) read(ctx context.Context, root, name string, buf []byte, progress func(int64)) error {
	begin := time.Now()
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		return err
	}
	p.took += time.Since(begin)
	p.addCached(f)
	sum := sha256.New()
	for {
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), f.Close())
		}
		begin = time.Now()
		n, err := f.Read(buf)
		p.took += time.Since(begin)
		p.bytes += int64(n)
		sum.Write(buf[:n])
		progress(p.bytes)
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	begin = time.Now()
	err = f.Close()
	p.took += time.Since(begin)
	p.files++
	p.sums[name] = [sha256.Size]byte(sum.Sum(nil))
	return err
}

// addCached asks the kernel how much of the file is in its page cache (cachestat(2), Linux 6.5).
func (p *pass) addCached(f *os.File) {
	if p.kernel < 0 {
		return
	}
	info, err := f.Stat()
	var stat unix.Cachestat_t
	if err == nil {
		err = unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &stat, 0)
	}
	if err != nil {
		p.kernel = -1
		return
	}
	p.kernel += min(int64(stat.Cache)*int64(os.Getpagesize()), info.Size())
}

// compare returns an error that names the first file whose checksum differs.
func (p pass) compare(with pass, whose string) error {
	for _, name := range sortedKeys(p.sums) {
		other, ok := with.sums[name]
		if !ok {
			return fmt.Errorf("%s: not in %s", name, whose)
		}
		if p.sums[name] != other {
			return fmt.Errorf("%s: sha256 %x, but %x in %s", name, p.sums[name], other, whose)
		}
	}
	if len(p.sums) != len(with.sums) {
		return fmt.Errorf("%d files, but %d in %s", len(p.sums), len(with.sums), whose)
	}
	return nil
}
