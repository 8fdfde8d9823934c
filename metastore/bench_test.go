package metastore

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkApplyCreateFile creates files, a thousand in a directory, a hundred in
// a batch, flushes included.
func BenchmarkApplyCreateFile(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	var batch [][]byte
	index := uint64(0)
	for i := 0; b.Loop(); i++ {
		batch = append(batch, CreateFile{
			Header: Header{OpID: OpID{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}, Time: int64(i), User: "alice", Group: "staff"},
			Path:   fmt.Sprintf("/data/%d/part-%05d.parquet", i/1000, i%1000), Recursive: true,
		}.Encode())
		if len(batch) == 100 {
			index++
			s.Apply(index, batch)
			batch = batch[:0]
		}
	}
}

// loaded is a store with directories of a thousand files each, as a leader loads
// them.
func loaded(b *testing.B, dirs int) *Store {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode()})
	for d := range dirs {
		at := fmt.Sprintf("/warehouse/sales/year=2026/month=%02d", d)
		made := s.Apply(uint64(2*d+2), [][]byte{CreateDirectory{Path: at, Recursive: true, Persisted: true}.Encode()})[0]
		load := LoadEntries{Dir: at, DirID: made.(*Result).Inode.ID, Final: true}
		for f := range 1000 {
			load.Entries = append(load.Entries, Entry{Name: fmt.Sprintf("part-%05d.parquet", f), Length: 1 << 27,
				ModTime: 1_700_000_000_000, Version: `"5f3a8c1d2b4e6f708192a3b4c5d6e7f8"`})
		}
		s.Apply(uint64(2*d+3), [][]byte{load.Encode()})
	}
	return s
}

// BenchmarkLoadEntries loads directories of a thousand files, one in an iteration.
func BenchmarkLoadEntries(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		loaded(b, 1)
	}
}

// BenchmarkResolve looks up files five levels deep: hot ones are in memory, cold
// ones in the database.
func BenchmarkResolve(b *testing.B) {
	const dirs = 100
	s := loaded(b, dirs)
	if err := s.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	st := s.Stats()
	b.Logf("%d files, %d bytes of database each", st.Files, st.DatabaseBytes/st.Files)
	for name, spread := range map[string]int{"hot": 100, "cold": dirs * 1000} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := i * 7919 % spread
				r, err := s.Resolve(fmt.Sprintf("/warehouse/sales/year=2026/month=%02d/part-%05d.parquet", n/1000, n%1000))
				if err != nil || r.Inode == nil {
					b.Fatal(r, err)
				}
			}
		})
	}
}

// BenchmarkList reads a directory of a thousand files.
func BenchmarkList(b *testing.B) {
	s := loaded(b, 1)
	if err := s.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	r, err := s.Resolve("/warehouse/sales/year=2026/month=00")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if list, err := s.List(r.Inode.ID, "", 0); err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkListing reads whole directories as a master does for an ls.
func BenchmarkListing(b *testing.B) {
	for _, files := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			made := s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode(), CreateDirectory{Path: "/d", Persisted: true}.Encode()})[1]
			load := LoadEntries{Dir: "/d", DirID: made.(*Result).Inode.ID}
			for f := range files {
				load.Entries = append(load.Entries, Entry{Name: fmt.Sprintf("part-%05d.parquet", f), Length: 1 << 27,
					ModTime: 1_700_000_000_000, Version: `"5f3a8c1d2b4e6f708192a3b4c5d6e7f8"`})
			}
			s.Apply(2, [][]byte{load.Encode()})
			if err := s.Checkpoint(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				list, err := s.Listing("/d")
				if err != nil || len(list.Children) != files {
					b.Fatal(len(list.Children), err)
				}
			}
		})
	}
}

// BenchmarkForget creates files when operations are remembered that expire: each
// command forgets some.
func BenchmarkForget(b *testing.B) {
	s, err := Open(b.TempDir(), Options{FlushInterval: time.Hour, FlushChanges: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	make := func(i int, ms int64) []byte {
		return CreateFile{
			Header: Header{OpID: OpID{byte(i), byte(i >> 8), byte(i >> 16), 1}, Time: ms, User: "alice", Group: "staff"},
			Path:   fmt.Sprintf("/data/%d/part-%05d.parquet", i/1000, i%1000), Recursive: true,
		}.Encode()
	}
	index := uint64(0)
	apply := func(i int, ms int64) {
		index++
		s.Apply(index, [][]byte{make(i, ms)})
	}
	const before = 50_000
	for i := range before {
		apply(i, int64(i/10))
	}
	if err := s.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		apply(before+i, OpWindow.Milliseconds()+int64(i/10)+1)
	}
}
