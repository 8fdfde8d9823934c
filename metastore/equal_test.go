package metastore

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// everyWay applies a log in other ways than one by one, all of which must end in
// the same state: in one batch; in batches of any length, flushed in between;
// with crashes, after which the log is applied again from the last flush; and
// with a move to another store by an image in the middle.
func everyWay(t *testing.T, log [][]byte, want StateHash) {
	t.Helper()
	ways := map[string]func(*testing.T, [][]byte) *Store{
		"in one batch": inOneBatch, "in batches": inBatches, "with crashes": withCrashes, "through an image": throughImage,
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			s := way(t, log)
			if got := s.Hash(); got != want {
				t.Errorf("the state has the hash %x, applied one by one it was %x", got, want)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			if got := s.Applied(); len(log) > 0 && got != uint64(len(log)) {
				t.Errorf("Applied() = %d after Check, which flushes; want %d", got, len(log))
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func inOneBatch(t *testing.T, log [][]byte) *Store {
	s := open(t, t.TempDir())
	s.Apply(uint64(len(log)), log)
	return s
}

func inBatches(t *testing.T, log [][]byte) *Store {
	s := open(t, t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < len(log); {
		n := 1 + random.IntN(len(log)-at)
		s.Apply(uint64(at+n), log[at:at+n])
		at += n
		if random.IntN(2) == 0 {
			checkpoint(t, s)
		}
	}
	return s
}

// withCrashes abandons the store now and then: what goes on is a copy of its
// folder as it was, and the log from Applied.
func withCrashes(t *testing.T, log [][]byte) *Store {
	s := open(t, t.TempDir())
	random := rand.New(rand.NewPCG(3, 4))
	for at := 0; at < len(log); {
		s.Apply(uint64(at+1), log[at:at+1])
		at++
		switch often := max(6, len(log)/4); random.IntN(often) {
		case 0, 1:
			checkpoint(t, s)
		case 2:
			s = open(t, copyOf(t, s))
			applied := int(s.Applied())
			if applied < at {
				s.Apply(uint64(at), log[applied:at])
			}
		}
	}
	return s
}

func throughImage(t *testing.T, log [][]byte) *Store {
	first, second := open(t, t.TempDir()), open(t, t.TempDir())
	half := len(log) / 2
	first.Apply(uint64(half), log[:half])
	// What the second has is of another log, and forgotten.
	second.Apply(1, [][]byte{CreateFile{Path: "/other"}.Encode()})
	if err := second.Restore(bytes.NewReader(imageOf(t, first))); err != nil {
		t.Fatal(err)
	}
	if got := second.Applied(); got != uint64(half) {
		t.Fatalf("Applied() = %d after an image of %d", got, half)
	}
	second.Apply(uint64(len(log)), log[half:])
	return second
}

func checkpoint(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
}

// copyOf copies a store's folder under its feet. No flush runs meanwhile: tests
// flush only by Checkpoint.
func copyOf(t *testing.T, s *Store) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(s.path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, databaseName), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func imageOf(t testing.TB, s *Store) []byte {
	t.Helper()
	image, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	n, err := image.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo = %d, %v; it wrote %d bytes", n, err, b.Len())
	}
	if err := image.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSameLogSameResults: two members give the same answers, not only the same
// state.
func TestSameLogSameResults(t *testing.T) {
	log := randomLog(t, rand.New(rand.NewPCG(5, 6)), 400)
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	var first, second []any
	for i, cmd := range log {
		first = append(first, a.Apply(uint64(i+1), [][]byte{cmd})...)
	}
	second = b.Apply(uint64(len(log)), log)
	for i := range log {
		if !reflect.DeepEqual(first[i], second[i]) {
			t.Errorf("command %d: %v, and in one batch %v", i, first[i], second[i])
		}
	}
	everyWay(t, log, a.Hash())
}
