package metastore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/metastore/metapb"

	"go.etcd.io/bbolt"
)

// TestFlushByTime: changes become durable by themselves, with the index that they
// belong to.
func TestFlushByTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Apply(7, [][]byte{CreateFile{Path: "/f"}.Encode()})
		if s.Applied() != 0 || s.LastApplied() != 7 {
			t.Errorf("Applied() = %d, LastApplied() = %d at once", s.Applied(), s.LastApplied())
		}
		time.Sleep(3 * time.Second) // fake time
		synctest.Wait()
		if s.Applied() != 7 {
			t.Errorf("Applied() = %d after 3 s", s.Applied())
		}
		if st := s.Stats(); st.Pending != 0 {
			t.Errorf("%d changes are pending after a flush", st.Pending)
		}
		// An index without commands is flushed too.
		s.Apply(8, nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Applied != 8 || st.Durable != 8 || st.Pending != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestFlushByCount: enough changes do not wait for the time, and Apply waits when
// the disk is far behind.
func TestFlushByCount(t *testing.T) {
	s, err := Open(t.TempDir(), Options{FlushInterval: time.Hour, FlushChanges: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 200 {
		s.Apply(uint64(i+1), [][]byte{CreateFile{Path: fmt.Sprintf("/%d", i)}.Encode()})
		// Each file changes three records.
		if st := s.Stats(); st.Pending > 2*(behindLimit*10+4) { // as much again is being written
			t.Fatalf("%d changes are pending", st.Pending)
		}
	}
	if s.Applied() == 0 {
		t.Error("nothing was flushed")
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// TestFailedFlush: a broken disk ends the store. Until the process ends, reads
// are right and the log can go on; what is in the database is what was there.
func TestFailedFlush(t *testing.T) {
	var told bytes.Buffer
	dir := t.TempDir()
	s, err := Open(dir, Options{FlushInterval: time.Hour, FlushChanges: 5, Log: slog.New(slog.NewTextHandler(&told, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(1, [][]byte{CreateFile{Path: "/first"}.Encode()})
	checkpoint(t, s)
	s.options.disk.commit = func(*bbolt.Tx) error { return syscall.EIO }
	s.Apply(2, [][]byte{CreateFile{Path: "/second"}.Encode()})
	s.Apply(3, [][]byte{CreateFile{Path: "/third"}.Encode()}) // wakes the flusher
	<-s.Failed()
	if !errors.Is(s.Err(), syscall.EIO) {
		t.Errorf("Err() = %v", s.Err())
	}
	s.Apply(4, [][]byte{CreateFile{Path: "/fourth"}.Encode()})
	for _, name := range []string{"/first", "/second", "/third", "/fourth"} {
		if r, err := s.Resolve(name); err != nil || r.Inode == nil {
			t.Errorf("%s is not there: %v", name, err)
		}
	}
	_, snapshotErr := s.Snapshot()
	for what, err := range map[string]error{
		"Checkpoint": s.Checkpoint(), "Snapshot": snapshotErr, "Check": s.Check(),
		"Restore": s.Restore(bytes.NewReader(imageOf(t, open(t, t.TempDir())))), "Close": s.Close(),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s = %v", what, err)
		}
	}
	if s.Applied() != 1 {
		t.Errorf("Applied() = %d", s.Applied())
	}
	if text := told.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, databaseName) {
		t.Errorf("the log says %q", text)
	}
	again := open(t, dir)
	if again.Applied() != 1 || again.Check() != nil {
		t.Errorf("after a restart Applied() = %d, Check() = %v", again.Applied(), again.Check())
	}
}

// TestFailedFirstFlush: a new store that cannot be written is not opened.
func TestFailedFirstFlush(t *testing.T) {
	full := func(*bbolt.Tx) error { return syscall.ENOSPC }
	dir := t.TempDir()
	if _, err := Open(dir, Options{disk: disk{commit: full}}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open: %v", err)
	}
	if s := open(t, dir); s.Check() != nil || s.Stats().Dirs != 1 {
		t.Error("it cannot be opened afterwards")
	}
}

// TestClosed: reads of a closed store fail, and applying to it is a bug.
func TestClosed(t *testing.T) {
	s := open(t, t.TempDir())
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, resolveErr := s.Resolve("/")
	_, _, getErr := s.Get(RootID)
	_, listErr := s.List(RootID, "", 0)
	_, _, _, countErr := s.Count("/")
	_, snapshotErr := s.Snapshot()
	for what, err := range map[string]error{
		"Resolve": resolveErr, "Get": getErr, "List": listErr, "Count": countErr,
		"Snapshot": snapshotErr, "Checkpoint": s.Checkpoint(), "Check": s.Check(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s = %v", what, err)
		}
	}
	if st := s.Stats(); st.Dirs != 1 || st.DatabaseBytes != 0 {
		t.Errorf("Stats() = %+v", st)
	}
	mustPanic(t, "after Close", func() { s.Apply(1, nil) })
}

// TestApplyPanics: what must not be skipped stops the process, loudly.
func TestApplyPanics(t *testing.T) {
	good := CreateFile{Path: "/f"}.Encode()
	later := marshal(&metapb.Command{Version: 2, Body: &metapb.Command_Reap{Reap: &metapb.Reap{}}})
	for name, c := range map[string]struct {
		cmd  []byte
		want string
	}{
		"garbage":                    {[]byte("garbage"), "command 2 of 2 up to log entry 12"},
		"nothing":                    {nil, "version 0"},
		"a later version":            {later, "version 2, this program knows 1"},
		"no body":                    {marshal(&metapb.Command{Version: 1}), "no body"},
		"an unknown body":            {append([]byte{8, 1}, 0xa2, 6, 1, 'x'), "no body"},
		"an unknown field beside it": {append(bytes.Clone(good), 0xa2, 6, 1, 'x'), "unknown fields"},
		"an unknown field inside":    {[]byte{8, 1, 0xa2, 1, 2, 0x78, 1}, "unknown fields"},
		"half an operation id":       {append([]byte{8, 1, 0x12, 1, 'x'}, good[2:]...), "operation id of 1 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			mustPanic(t, c.want, func() { s.Apply(12, [][]byte{good, c.cmd}) })
		})
	}
	s := open(t, t.TempDir())
	s.Apply(5, [][]byte{good})
	s.Apply(5, nil)
	s.Apply(4, nil)
	if s.LastApplied() != 5 {
		t.Errorf("LastApplied() = %d", s.LastApplied())
	}
	mustPanic(t, "log entry 5 comes after 5", func() { s.Apply(5, [][]byte{good}) })
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		r := recover()
		d, ok := r.(*Damage)
		if !ok || !strings.Contains(d.Error(), want) {
			t.Errorf("panic %v, want a Damage about %q", r, want)
		}
	}()
	f()
}

// TestDamagedRecords: records that cannot be read, and indexes that lead nowhere,
// are not taken for missing files.
func TestDamagedRecords(t *testing.T) {
	s := open(t, t.TempDir())
	s.Apply(1, [][]byte{CreateFile{Path: "/f"}.Encode()})
	r, err := s.Resolve("/f")
	if err != nil {
		t.Fatal(err)
	}
	s.mu.active.set(entryKey(RootID, "f"), []byte{0xff})
	s.cache.clear()
	mustPanic(t, "InodeRecord", func() { s.Resolve("/f") })
	s.mu.active.set(entryKey(RootID, "f"), nil)
	mustPanic(t, "leads to no entry", func() { s.Get(r.Inode.ID) })
	if d := (&Damage{What: "x", Err: syscall.EIO}); !errors.Is(d, syscall.EIO) {
		t.Error("the reason of a Damage cannot be found")
	}
}

// TestOpenRefuses: what is not a metastore is left alone.
func TestOpenRefuses(t *testing.T) {
	write := func(name string, fill func(tx *bbolt.Tx) error) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			db, err := bbolt.Open(filepath.Join(dir, name), 0o600, nil)
			if err == nil {
				err = errors.Join(db.Update(fill), db.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"garbage": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, databaseName), bytes.Repeat([]byte("x"), 1<<16), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "invalid database"},
		"another program's": {write(databaseName, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("theirs"))
			return err
		}), "not a metastore"},
		"half of it": {write(databaseName, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte(metaBucket))
			return err
		}), "not a metastore: no entries"},
		"a later format": {write(databaseName, func(tx *bbolt.Tx) error {
			for _, sp := range spaces() {
				if _, err := tx.CreateBucket(sp.bucket()); err != nil {
					return err
				}
			}
			b, err := tx.CreateBucket([]byte(metaBucket))
			if err != nil {
				return err
			}
			return b.Put([]byte(stateKey), marshal(&metapb.State{Format: 3}))
		}), "format 3: this program reads format 2"},
		"a file for a folder": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, databaseName), 0o700); err != nil {
				t.Fatal(err)
			}
		}, databaseName},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.prepare(t, dir)
			s, err := Open(dir, Options{})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("Open: %v, want something about %q and the folder", err, c.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "dir"), Options{}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("Open in a file: %v", err)
	}
}

// TestErrors: each error is for people and for programs.
func TestErrors(t *testing.T) {
	s := open(t, t.TempDir())
	err := s.Apply(1, [][]byte{Delete{Path: "/x"}.Encode()})[0].(error)
	if want := `Path "/x" does not exist.`; err.Error() != want {
		t.Errorf("the text is %q, want %q", err, want)
	}
	at, ok := errors.AsType[*fs.PathError](err)
	if !ok || at.Op != "delete" || at.Path != "/x" || at.Err != syscall.ENOENT {
		t.Errorf("the path error is %+v", at)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is not fs.ErrNotExist")
	}
}

// TestHashes: members can compare their states after the same number of commands.
func TestHashes(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	var log [][]byte
	for i := range 3 * hashEvery {
		log = append(log, CreateDirectory{Header: Header{Time: int64(i)}, Path: "/d", AllowExists: true}.Encode())
	}
	a.Apply(uint64(len(log)), log)
	for i := range log {
		b.Apply(uint64(10*i+1), log[i:i+1]) // with empty entries between them
	}
	got, want := b.Hashes(), a.Hashes()
	if len(want) != 3 || want[1].Commands != 2*hashEvery {
		t.Fatalf("Hashes() = %v", want)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || a.Hash() != want[2] {
		t.Errorf("the other has %v, want %v", got, want)
	}
	for range hashesKept {
		a.Apply(a.LastApplied()+uint64(hashEvery), log[:hashEvery])
	}
	if kept := a.Hashes(); len(kept) != hashesKept || kept[hashesKept-1] != a.Hash() {
		t.Errorf("%d hashes are kept", len(kept))
	}
	// A difference shows.
	b.Apply(b.LastApplied()+1, [][]byte{SetAttribute{Path: "/d", Mode: new(uint32(1))}.Encode()})
	a.Apply(a.LastApplied()+1, [][]byte{SetAttribute{Path: "/d", Mode: new(uint32(2))}.Encode()})
	if a.Hash().Sum == b.Hash().Sum {
		t.Error("different states have one hash")
	}
}
