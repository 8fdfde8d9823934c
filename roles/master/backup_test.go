package master_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/roles/worker"
	"goosefs/ufs"
)

// worker starts a worker of the given masters. It ends with the test.
func (q *quorum) worker(masters ...int) {
	q.t.Helper()
	o := worker.Options{
		Host: "w", Port: 9203, Report: 50 * time.Millisecond, Network: q.net.Host("w"),
		Cache:   blockcache.Options{Tiers: []blockcache.Tier{{Alias: "SSD", Dirs: []blockcache.Dir{{Path: filepath.Join(q.dir, "w"), Quota: 64 << 20}}}}},
		OpenUFS: func(string, map[string]string) (ufs.UFS, string, error) { return q.root, "mem", nil },
	}
	for _, i := range masters {
		o.Masters = append(o.Masters, address(i))
	}
	w, err := worker.Start(o)
	must(q.t, err)
	q.t.Cleanup(func() { must(q.t, w.Close()) })
}

// tree is all that is known of the namespace, a line for each path.
func tree(t *testing.T, f *client.FS, p string) (lines []string) {
	t.Helper()
	for info, err := range f.List(t.Context(), p, client.StatOptions{}) {
		must(t, err)
		lines = append(lines, fmt.Sprintf("%s %x %o %s %s %d %v %s", info.Path, info.ID, info.Mode, info.Owner, info.Group, info.Length, info.Modified, info.Persistence))
		if info.Dir {
			lines = append(lines, tree(t, f, info.Path)...)
		}
	}
	return lines
}

// A backup holds the namespace. A cluster that begins with it has it all, whoever leads, and is another cluster: what
// workers cached for the old one they drop.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	q.worker(0, 1, 2)
	q.elect(f, 1)
	data := bytes.Repeat([]byte("goose"), 1<<18)
	put(t, q.root, "dir/file", string(data))
	read(t, f, "/dir/file", data)
	eventually(t, "it is cached", func() bool { return cached(t, f) >= int64(len(data)) })
	for i := range 50 {
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/d%02d", i), client.MkdirOptions{CacheOnly: true}))
	}
	b, err := f.Backup(t.Context(), filepath.Join(q.dir, "backups"))
	must(t, err)
	if b.Host != host(1) || b.Entries != 50+4 || !regexp.MustCompile(`/backups/goosefs-backup-\d{4}-\d\d-\d\d-\d+\.gz$`).MatchString(b.Path) {
		t.Errorf("backup: %+v", b) // besides the 50: the root, its mount, /dir, /dir/file
	}
	before, old, mounts := tree(t, f, "/"), leading(t, f).ID, table(t, f)
	must(t, f.Mkdir(t.Context(), "/later", client.MkdirOptions{CacheOnly: true}))
	for i := range 3 {
		q.stop(i)
		q.wipe(i)
	}
	for i := range 3 {
		q.start(i, func(o *master.Options) { o.Restore = b.Path }, 0, 1, 2)
	}
	q.awaitVoters(f, 0, 1, 2)
	for i := range 3 {
		q.elect(f, i)
		if after := tree(t, f, "/"); !slices.Equal(after, before) {
			t.Errorf("of %d paths there are %d: %q", len(before), len(after), after)
		}
		if now := table(t, f); now != mounts {
			t.Errorf("mounts were\n%s\nare\n%s", mounts, now)
		}
	}
	_, err = f.Stat(t.Context(), "/later", client.StatOptions{})
	want(t, err, syscall.ENOENT, "")
	if id := leading(t, f).ID; id == old || id == "" {
		t.Errorf("the restored cluster is %q, the old one was %q", id, old)
	}
	eventually(t, "what was cached for the old cluster is dropped", func() bool {
		workers, err := f.Workers(t.Context())
		return err == nil && len(workers) == 1 && workers[0].Live && cached(t, f) == 0
	})
	read(t, f, "/dir/file", data)
	must(t, f.Mkdir(t.Context(), "/new", client.MkdirOptions{}))
}

// A file that is no backup, or a part of one, is refused, and may be corrected.
func TestBadBackup(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	q.start(0, nil, 0)
	f := q.client(0)
	must(t, f.Mkdir(t.Context(), "/d", client.MkdirOptions{CacheOnly: true}))
	b, err := f.Backup(t.Context(), q.dir)
	must(t, err)
	whole, err := os.ReadFile(b.Path)
	must(t, err)
	path := filepath.Join(q.dir, "bad.gz")
	restore := func(o *master.Options) { o.Restore = path }
	q.refused(9, restore, syscall.ENOENT, path, 9)
	for name, content := range map[string][]byte{"garbage": []byte("garbage"), "cut short": whole[:len(whole)/2], "without its end": whole[:len(whole)-20], "empty": nil} {
		must(t, os.WriteFile(path, content, 0o600))
		m, err := q.try(9, restore, 9)
		if err == nil {
			t.Errorf("%s: taken", name)
			must(t, m.Close())
		} else if !strings.Contains(err.Error(), "restore from "+path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, os.WriteFile(path, whole, 0o600))
	q.start(9, restore, 9)
	stat(t, q.client(9), "/d")
	q.stop(9)
	q.start(9, restore, 9) // the option stays where it is, and means nothing any more
	stat(t, q.client(9), "/d")
}

// A backup that is made while clients work is the namespace as it was at one moment between the call and its answer.
func TestBackupWhileWritesGoOn(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	q.elect(f, 0)
	var working sync.WaitGroup
	stop := make(chan bool)
	working.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := f.Mkdir(t.Context(), fmt.Sprintf("/d%05d", i), client.MkdirOptions{CacheOnly: true}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	finish := sync.OnceFunc(func() { close(stop); working.Wait() })
	defer finish()
	type taken struct {
		client.Backup
		before, after int64 // directories
	}
	var backups []taken
	for range 3 {
		progress(t, f, 20)
		var b taken
		var err error
		b.before = leading(t, f).Dirs
		b.Backup, err = f.Backup(t.Context(), filepath.Join(q.dir, "backups"))
		must(t, err)
		b.after = leading(t, f).Dirs + 1 // one may be made and not counted yet
		backups = append(backups, b)
	}
	finish()
	for i, b := range backups {
		i += 7
		q.start(i, func(o *master.Options) { o.Restore = b.Path }, i)
		f := q.client(i)
		got := names(t, f, "/", false)
		for i, name := range got {
			if name != fmt.Sprintf("d%05d", i) {
				t.Fatalf("entry %d is %s", i, name)
			}
		}
		dirs := int64(len(got)) + 1 // and the root
		if dirs < b.before || dirs > b.after {
			t.Errorf("%d directories, not between %d and %d", dirs, b.before, b.after)
		}
		if b.Entries != dirs+1 { // and the mount
			t.Errorf("it says that it has %d entries, and has %d", b.Entries, dirs+1)
		}
	}
}

// Once a day the leader makes a backup by itself, and deletes old ones. Here the time of day is a moment from now.
func TestDailyBackup(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	dir := filepath.Join(q.dir, "backups")
	must(t, os.MkdirAll(dir, 0o755))
	old := filepath.Join(dir, "goosefs-backup-2026-03-01-1772366400000.gz")
	must(t, os.WriteFile(old, nil, 0o600))
	f := q.client(0)
	for ahead := time.Second; ; ahead *= 2 { // a slow machine may miss the moment
		at := time.Now().UTC().Add(ahead)
		q.start(0, func(o *master.Options) {
			o.BackUpDaily, o.BackupDir, o.BackupsRetained = true, dir, 1
			o.DailyBackup = at.Sub(at.Truncate(24 * time.Hour))
		}, 0)
		stat(t, f, "/")
		if time.Now().Before(at.Add(-ahead / 2)) {
			break
		}
		q.stop(0)
	}
	must(t, f.Mkdir(t.Context(), "/d", client.MkdirOptions{CacheOnly: true}))
	var made []string
	eventually(t, "the backup, and the old one is deleted", func() bool {
		var err error
		made, err = filepath.Glob(filepath.Join(dir, "goosefs-backup-*.gz"))
		must(t, err)
		return len(made) == 1 && made[0] != old
	})
	q.start(9, func(o *master.Options) { o.Restore = made[0] }, 9)
	stat(t, q.client(9), "/d")
}
