package master

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goosefs/metastore"

	"github.com/klauspost/compress/gzip"
)

// A backup is an image of the namespace in one compressed file. A new cluster can begin with it. It gets other ids than
// the cluster that the backup is of, so that what workers cached since is not mistaken for what the new one has.

const (
	backupPrefix = "goosefs-backup-"
	backupSuffix = ".gz"
)

// backupDone is a backup that is on the disk.
type backupDone struct {
	path    string
	entries int64 // files, directories and mounts
}

// backup writes one into the folder dir, whole or not at all.
func (m *Master) backup(ctx context.Context, dir string) (done backupDone, err error) {
	dir, err = filepath.Abs(cmp.Or(dir, m.options.BackupDir))
	if err != nil {
		return done, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return done, err
	}
	snapshot, err := m.store.Snapshot()
	if err != nil {
		return done, err
	}
	image := snapshot.(*metastore.Image)
	defer image.Close()
	now := m.now().UTC()
	done.entries = image.Entries
	done.path = filepath.Join(dir, fmt.Sprintf("%s%s-%d%s", backupPrefix, now.Format(time.DateOnly), now.UnixMilli(), backupSuffix))
	f, err := os.CreateTemp(dir, "."+backupPrefix+"*")
	if err != nil {
		return done, err
	}
	err = writeBackup(ctx, f, image)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), done.path)
	}
	if err != nil {
		return done, errors.Join(err, os.Remove(f.Name()))
	}
	return done, syncFolder(dir)
}

func writeBackup(ctx context.Context, f *os.File, image io.WriterTo) error {
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = image.WriteTo(&contextWriter{ctx, z})
	return errors.Join(err, z.Close(), f.Sync())
}

// contextWriter fails once ctx has ended, between two writes.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prepareStore makes the store's folder ready for a journal that is made now: of a cluster that begins with a backup it
// holds that.
func (m *Master) prepareStore(how beginning) error {
	file := m.options.Restore
	if file == "" {
		return nil
	}
	if how == joins {
		m.log.Info("the backup is not needed: this master joins a cluster that is there", "file", file)
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("restore from %s: %w", file, err)
	}
	if err := os.RemoveAll(m.options.MetaDir); err != nil { // of a try before
		return err
	}
	store, err := metastore.Open(m.options.MetaDir, m.options.storeOptions())
	if err != nil {
		return err
	}
	if err := errors.Join(store.Restore(z), store.Close()); err != nil {
		return fmt.Errorf("restore from %s: %w", file, err)
	}
	m.log.Info("the cluster begins with a backup", "file", file)
	return nil
}

// backUpDaily makes a backup every day at the configured time, for as long as this master leads, and deletes old ones.
func (m *Master) backUpDaily(t *term) {
	for pause(t.ctx, nextDaily(m.now(), m.options.DailyBackup).Sub(m.now())) {
		done, err := m.backup(t.ctx, "")
		if err != nil {
			m.log.Error("no daily backup", "dir", m.options.BackupDir, "err", err)
			continue
		}
		m.log.Info("daily backup", "file", done.path, "entries", done.entries)
		if err := retain(filepath.Dir(done.path), m.options.BackupsRetained); err != nil {
			m.log.Warn("old backups stay", "dir", m.options.BackupDir, "err", err)
		}
	}
}

// nextDaily is the next moment after now that is so long after midnight, UTC.
func nextDaily(now time.Time, after time.Duration) time.Time {
	next := now.UTC().Truncate(24 * time.Hour).Add(after)
	if !next.After(now) {
		next = next.Add(24 * time.Hour)
	}
	return next
}

// retain deletes all but the n newest backups in dir.
func retain(dir string, n int) error {
	paths, err := filepath.Glob(filepath.Join(dir, backupPrefix+"*"+backupSuffix))
	if err != nil || n <= 0 {
		return err
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(backupTime(b), backupTime(a)) })
	for _, path := range paths[min(n, len(paths)):] {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// backupTime is when a backup was made, by its name: digits of equal length, so texts can be compared.
func backupTime(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), backupSuffix)
	return name[strings.LastIndexByte(name, '-')+1:]
}
