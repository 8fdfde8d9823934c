package metastore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// An image is the database between a head and a checksum:
//
//	magic (8) · format (4) · applied index (8) · length (8) · database · crc32c of all before (4)
//
// Numbers are big endian.
const (
	imageMagic    = "goosemds"
	imageHeadSize = len(imageMagic) + 4 + 8 + 8
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Snapshot returns an image of the state at the last applied index. It is also
// an io.Closer and must be closed: until then the database reuses no space. The
// image does not change while commands are applied.
func (s *Store) Snapshot() (io.WriterTo, error) {
	f, err := s.flushed(func() {})
	if err != nil {
		return nil, err
	}
	return &Image{Applied: f.state.applied, Entries: f.state.files + f.state.dirs + int64(len(f.mounts)), tx: f.tx}, nil
}

// flushedState is a transaction that sees exactly the last applied state, and
// what memory holds beside it.
type flushedState struct {
	tx     *bbolt.Tx
	state  state
	mounts mountTable
}

// flushed writes all changes down, opens such a transaction, and calls also, which
// may read what mu guards. Commands wait meanwhile.
func (s *Store) flushed(also func()) (f flushedState, err error) {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.batch.Lock()
	defer s.batch.Unlock()
	if err := s.usable(); err != nil {
		return f, err
	}
	if err := s.writeFrozen(); err != nil { // what was left for want of space
		return f, err
	}
	s.freeze()
	if err := s.writeFrozen(); err != nil {
		return f, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	tx, err := s.mu.db.Begin(false)
	also()
	return flushedState{tx: tx, state: s.mu.state, mounts: s.mu.mounts}, err
}

// Image is the state at one index, ready to be sent to another member. It is
// used by one goroutine.
type Image struct {
	Applied uint64
	Entries int64 // files, directories and mounts in it
	tx      *bbolt.Tx
}

// WriteTo writes the image. When it fails, the number of bytes is only about
// right.
func (i *Image) WriteTo(w io.Writer) (int64, error) {
	if i.tx == nil {
		return 0, os.ErrClosed
	}
	out := &checkedWriter{to: bufio.NewWriterSize(w, 1<<20)}
	head := append(make([]byte, 0, imageHeadSize), imageMagic...)
	head = binary.BigEndian.AppendUint32(head, format)
	head = binary.BigEndian.AppendUint64(head, i.Applied)
	head = binary.BigEndian.AppendUint64(head, uint64(i.tx.Size()))
	// The buffer keeps the first error of writing for Flush.
	out.Write(head)
	_, err := i.tx.WriteTo(out)
	out.Write(binary.BigEndian.AppendUint32(nil, out.crc))
	return out.n, errors.Join(err, out.to.Flush())
}

// Close lets go of the state.
func (i *Image) Close() error {
	if i.tx == nil {
		return nil
	}
	err := i.tx.Rollback()
	i.tx = nil
	return err
}

// checkedWriter counts and sums what goes through it.
type checkedWriter struct {
	to  *bufio.Writer
	n   int64
	crc uint32
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	w.crc = crc32.Update(w.crc, castagnoli(), p[:n])
	return n, err
}

// checkedReader sums what goes through it, and takes an early end for what it is.
type checkedReader struct {
	from io.Reader
	crc  uint32
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.crc = crc32.Update(r.crc, castagnoli(), p[:n])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
