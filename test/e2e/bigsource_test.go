package e2e_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// bigSource is a web server, in this process, over files that take no room: each byte of them is computed from the
// file's name and the offset, so that a reader can tell whether it is the right one.
type bigSource struct {
	url   string
	sizes map[string]int64 // by name, all in one folder
	sent  atomic.Int64     // bytes of files
}

func newBigSource(t testing.TB, sizes map[string]int64) *bigSource {
	s := &bigSource{sizes: sizes}
	files := http.FileServer(s)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if size, ok := sizes[path.Base(r.URL.Path)]; ok {
			w.Header().Set("ETag", fmt.Sprintf(`"%s-%x"`, path.Base(r.URL.Path), size))
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/"
	return s
}

// check reads a file by r, which begins at its start, and compares every byte.
func (s *bigSource) check(name string, r io.Reader) error {
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	f := &madeFile{source: s, name: name}
	for off := int64(0); ; {
		n, err := io.ReadFull(r, got)
		f.fill(want[:n], off)
		if string(got[:n]) != string(want[:n]) {
			for i := range n {
				if got[i] != want[i] {
					return fmt.Errorf("%s: wrong byte at offset %d", name, off+int64(i))
				}
			}
		}
		off += int64(n)
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			if off != s.sizes[name] {
				return fmt.Errorf("%s: %d bytes, not %d", name, off, s.sizes[name])
			}
			return nil
		case err != nil:
			return fmt.Errorf("%s: at offset %d: %w", name, off, err)
		}
	}
}

// Open is of http.FileSystem.
func (s *bigSource) Open(name string) (http.File, error) {
	name = strings.TrimPrefix(name, "/")
	if _, ok := s.sizes[name]; !ok && name != "" {
		return nil, fs.ErrNotExist
	}
	return &madeFile{source: s, name: name}, nil
}

// madeFile is a file of a bigSource, or, without a name, its folder.
type madeFile struct {
	source *bigSource
	name   string
	off    int64
}

// fill computes the bytes from off: word i of a file is splitmix64 of its seed and i.
func (f *madeFile) fill(p []byte, off int64) {
	h := fnv.New64a()
	io.WriteString(h, f.name)
	seed := h.Sum64()
	var word [8]byte
	for i := 0; i < len(p); {
		z := seed + (uint64(off)/8+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(word[:], z^z>>31)
		n := copy(p[i:], word[off%8:])
		i += n
		off += int64(n)
	}
}

func (f *madeFile) Read(p []byte) (int, error) {
	n := min(int64(len(p)), f.Size()-f.off)
	if n <= 0 {
		return 0, io.EOF
	}
	f.fill(p[:n], f.off)
	f.off += n
	f.source.sent.Add(n)
	return int(n), nil
}

func (f *madeFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.Size()
	}
	f.off = offset
	return offset, nil
}

func (f *madeFile) Readdir(int) ([]fs.FileInfo, error) {
	var all []fs.FileInfo
	for _, name := range sorted(f.source.sizes) {
		all = append(all, &madeFile{source: f.source, name: name})
	}
	return all, nil
}

func (f *madeFile) Close() error               { return nil }
func (f *madeFile) Stat() (os.FileInfo, error) { return f, nil }
func (f *madeFile) Name() string               { return f.name }
func (f *madeFile) Size() int64                { return f.source.sizes[f.name] }
func (f *madeFile) IsDir() bool                { return f.name == "" }
func (f *madeFile) ModTime() time.Time         { return time.Unix(1_700_000_000, 0) }
func (f *madeFile) Sys() any                   { return nil }
func (f *madeFile) Mode() fs.FileMode {
	if f.IsDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
