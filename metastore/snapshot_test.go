package metastore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestImageIsOfOneMoment: what is applied while an image is being sent is not in
// it.
func TestImageIsOfOneMoment(t *testing.T) {
	log := randomLog(t, rand.New(rand.NewPCG(7, 8)), 100)
	s := open(t, t.TempDir())
	s.Apply(60, log[:60])
	want := s.Hash()
	image, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(100, log[60:])
	checkpoint(t, s)
	var b bytes.Buffer
	if _, err := image.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := image.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	other := open(t, t.TempDir())
	if err := other.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if got := other.Hash(); got != want {
		t.Errorf("the image has the hash %x, when it was taken it was %x", got, want)
	}
	if err := errors.Join(other.Check(), s.Check()); err != nil {
		t.Error(err)
	}
	if _, err := image.WriteTo(io.Discard); !errors.Is(err, os.ErrClosed) {
		t.Errorf("WriteTo after Close: %v", err)
	}
	if err := image.(io.Closer).Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// TestImageSurvivesRestore: a member that is sending an image while it gets
// another one still sends what it said.
func TestImageSurvivesRestore(t *testing.T) {
	s, other := open(t, t.TempDir()), open(t, t.TempDir())
	s.Apply(1, [][]byte{CreateFile{Path: "/before"}.Encode()})
	other.Apply(9, [][]byte{CreateFile{Path: "/after"}.Encode()})
	want := s.Hash()
	image, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(bytes.NewReader(imageOf(t, other))); err != nil {
		t.Fatal(err)
	}
	if got := s.Hash(); got != other.Hash() || s.Applied() != 9 {
		t.Errorf("after Restore the hash is %x at %d, want %x at 9", got, s.Applied(), other.Hash())
	}
	var b bytes.Buffer
	if _, err := image.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := image.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	third := open(t, t.TempDir())
	if err := third.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if got := third.Hash(); got != want {
		t.Errorf("the image has the hash %x, want %x", got, want)
	}
	// And the new state is the one that a restart finds.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, filepath.Dir(s.path))
	if got := s.Hash(); got != other.Hash() {
		t.Errorf("after a restart the hash is %x, want %x", got, other.Hash())
	}
}

// TestRestoreRefuses: a bad image changes nothing and leaves nothing behind.
func TestRestoreRefuses(t *testing.T) {
	source := open(t, t.TempDir())
	log := randomLog(t, rand.New(rand.NewPCG(9, 10)), 50)
	source.Apply(50, log)
	good := imageOf(t, source)

	changed := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	// resealed gives a changed image a right checksum.
	resealed := func(change func(b []byte)) []byte {
		b := bytes.Clone(good)
		change(b)
		end := len(b) - 4
		binary.BigEndian.PutUint32(b[end:], crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	images := []struct {
		name, want string
		image      []byte
	}{
		{"nothing", "head", nil},
		{"half a head", "head", good[:10]},
		{"only a head", "byte 0 of", good[:imageHeadSize]},
		{"half", "byte", good[:len(good)/2]},
		{"no checksum", "checksum", good[:len(good)-4]},
		{"half a checksum", "checksum", good[:len(good)-2]},
		{"a flipped bit in the middle", "damaged", changed(func(b []byte) []byte { b[len(b)/2] ^= 4; return b })},
		{"a flipped bit in the index", "damaged", changed(func(b []byte) []byte { b[19] ^= 1; return b })},
		{"a flipped bit in the checksum", "damaged", changed(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		{"something else", "not an image", []byte(strings.Repeat("GIF89a", 100))},
		{"a later format", "format 3", resealed(func(b []byte) { b[11] = 3 })},
		{"another index", "an image of index", resealed(func(b []byte) { b[19]++ })},
		{"no database", "", resealed(func(b []byte) { clear(b[imageHeadSize : len(b)-4]) })},
		{"an empty database", "not a metastore", emptyImage()},
		{"a length that is not", "", changed(func(b []byte) []byte { b[imageHeadSize-8] = 0x80; return b })},
	}
	for _, c := range images {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			s.Apply(2, [][]byte{CreateFile{Path: "/old"}.Encode()})
			want := s.Hash()
			err := s.Restore(bytes.NewReader(c.image))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Restore: %v, want something about %q", err, c.want)
			}
			if got := s.Hash(); got != want {
				t.Error("the state changed")
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.path), "*.tmp")); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			// A good image is still welcome.
			if err := s.Restore(bytes.NewReader(good)); err != nil || s.Hash() != source.Hash() {
				t.Errorf("a good image afterwards: %v", err)
			}
		})
	}
}

// emptyImage is an image whose database has no bytes.
func emptyImage() []byte {
	b := append([]byte(imageMagic), 0, 0, 0, format)
	b = append(b, make([]byte, 16)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// TestRestoreReadError: the network breaks.
func TestRestoreReadError(t *testing.T) {
	s := open(t, t.TempDir())
	image := imageOf(t, s)
	broken := io.MultiReader(bytes.NewReader(image[:len(image)/3]), failingReader{})
	if err := s.Restore(broken); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Restore: %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }

// TestWriteToError: the receiver goes away.
func TestWriteToError(t *testing.T) {
	s := open(t, t.TempDir())
	for _, room := range []int{0, 10_000} {
		image, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := image.WriteTo(&fullWriter{room: room}); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("WriteTo a writer with room for %d: %v", room, err)
		}
		if err := image.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type fullWriter struct{ room int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, syscall.EPIPE
	}
	w.room -= len(p)
	return len(p), nil
}

// TestRestoreWithoutFolder: the image cannot be received, or not be put in place.
func TestRestoreWithoutFolder(t *testing.T) {
	s := open(t, t.TempDir())
	image := imageOf(t, s)
	s.path = filepath.Join(t.TempDir(), "gone", databaseName)
	if err := s.Restore(bytes.NewReader(image)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Restore: %v", err)
	}
	// A folder in the place of the database makes the rename fail.
	s.path = filepath.Join(t.TempDir(), databaseName)
	if err := os.MkdirAll(filepath.Join(s.path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(bytes.NewReader(image)); err == nil {
		t.Error("Restore over a folder succeeded")
	}
	if s.Err() != nil {
		t.Errorf("the store ended: %v", s.Err())
	}
}

// TestRestoreUnsure: when the new database may or may not be in place after a
// power cut, the store ends, and the next start sees which.
func TestRestoreUnsure(t *testing.T) {
	s, other := open(t, t.TempDir()), open(t, t.TempDir())
	other.Apply(9, [][]byte{CreateFile{Path: "/f"}.Encode()})
	s.options.disk.syncDir = func(string) error { return syscall.EIO }
	if err := s.Restore(bytes.NewReader(imageOf(t, other))); !errors.Is(err, syscall.EIO) {
		t.Errorf("Restore: %v", err)
	}
	<-s.Failed()
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close: %v", err)
	}
	s = open(t, filepath.Dir(s.path))
	if err := s.Check(); err != nil || s.Applied() != 9 || s.Hash() != other.Hash() {
		t.Errorf("after a restart: index %d, %v", s.Applied(), err)
	}
	if err := syncDir(filepath.Join(filepath.Dir(s.path), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("syncDir of nothing: %v", err)
	}
}

// TestHalfReceivedImage is removed at the next start.
func TestHalfReceivedImage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, databaseName+".123.tmp")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir).Close()
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(half, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, Options{}); err == nil {
		s.Close()
		t.Error("Open where that cannot be removed succeeded")
	}
}
