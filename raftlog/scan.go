package raftlog

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// survey is what a journal's segments hold, found by reading every byte of them before raft sees any.
//
// etcd's own reader is more trusting: its checksum does not cover a record's type, a length of zero
// ends a segment whatever follows, and a length that reaches beyond the file counts as torn.
type survey struct {
	header []byte            // the same in all segments
	state  *raftpb.HardState // the last one
	marks  []*walpb.Snapshot // in order
	last   uint64            // index of the last entry, or of the mark that there is instead
	seen   bool              // an entry
	tear   *tear             // nil if the last segment ends as it should
}

// tear is a write at the end of the last segment that was never finished.
type tear struct {
	path  string
	at    int64 // offset of the first byte that is not part of a good record
	bytes int64 // how many bytes from there on are not zero, with the gaps between them
}

// surveySegments reads the segments of a journal folder, oldest first. Damage is an *fs.PathError that names
// the file, the offset and the way out.
func surveySegments(dir string) (*survey, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		return nil, fault("read journal", dir, err)
	}
	if len(paths) == 0 {
		return nil, refuse(dir, syscall.EIO, "the journal has no segments")
	}
	s := &survey{state: &raftpb.HardState{}}
	var sum uint32
	for i, path := range paths {
		if sum, err = s.segment(path, sum, i == 0, i == len(paths)-1); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// segment reads one segment that should continue the checksum sum, and returns the checksum at its end.
func (s *survey) segment(path string, sum uint32, first, last bool) (uint32, error) {
	whole, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	decoder := wal.NewDecoder(fileutil.NewFileReader(f))
	n := 0
	for ; ; n++ {
		var rec walpb.Record
		at := decoder.LastOffset()
		if b := whole[at:]; len(b) >= frameBytes && !wellFramed(b) {
			break
		}
		if err = decoder.Decode(&rec); err != nil {
			break
		}
		if rec.GetType() == wal.CrcType {
			if n != 0 || (!first && rec.GetCrc() != sum) {
				return 0, damaged(path, at, "the segment does not continue the one before it")
			}
			decoder.UpdateCRC(rec.GetCrc())
		} else if n == 0 {
			return 0, damaged(path, at, "the segment does not begin with a checksum")
		} else if text := s.record(&rec); text != "" {
			return 0, damaged(path, at, text)
		}
	}
	if n == 0 {
		return 0, damaged(path, 0, "the segment has no good record at all")
	}
	end := decoder.LastOffset()
	rest := whole[end:]
	verdict, text := judge(rest, end, err)
	switch {
	case verdict == damage:
		return 0, damaged(path, end, text)
	case verdict == torn && !last:
		return 0, damaged(path, end, "a record is broken, and more segments follow")
	case verdict == torn:
		s.tear = &tear{path, end, int64(len(bytes.TrimRight(rest, "\x00")))}
	}
	return decoder.LastCRC(), nil
}

func damaged(path string, at int64, text string) error {
	return &os.PathError{Op: "read journal", Path: path, Err: because(syscall.EIO,
		"damaged at byte %d: %s; what is behind it cannot be trusted. %s", at, text, wayOut)}
}

// wayOut is what to do about a folder that cannot be used. A copy from before would be worse than nothing: it has
// forgotten what this member promised to the others since.
const wayOut = "Run: goosefs fsadmin journal rejoin (empties this master's folders; it joins the other masters again)"

// record takes in one good record, or says why it cannot belong here.
func (s *survey) record(rec *walpb.Record) string {
	switch rec.GetType() {
	case wal.MetadataType:
		if s.header != nil && !bytes.Equal(s.header, rec.GetData()) {
			return "the segments belong to different members"
		}
		s.header = rec.GetData()
	case wal.EntryType:
		var e raftpb.Entry
		switch {
		case !strictly(rec.GetData(), &e) || e.GetTerm() == 0:
			return "not an entry"
		case e.GetType() != raftpb.EntryNormal && !understood(&e):
			return "an entry of kind " + e.GetType().String() + " that this version does not know: a newer one wrote it"
		case s.seen && e.GetIndex() > s.last+1:
			return "entries are missing"
		}
		s.last, s.seen = e.GetIndex(), true
	case wal.StateType:
		var state raftpb.HardState
		if !strictly(rec.GetData(), &state) || state.GetTerm() < s.state.GetTerm() {
			return "not a hard state that may follow"
		}
		s.state = &state
	case wal.SnapshotType:
		var mark walpb.Snapshot
		if !strictly(rec.GetData(), &mark) {
			return "not a mark"
		}
		s.marks = append(s.marks, &mark)
		s.last = max(s.last, mark.GetIndex())
	default:
		return "a record of unknown type"
	}
	return ""
}

// strictly parses data, refusing fields that the message does not have.
func strictly(data []byte, m proto.Message) bool {
	return proto.Unmarshal(data, m) == nil && len(m.ProtoReflect().GetUnknown()) == 0
}

type verdict int

const (
	clean  verdict = iota // nothing but preallocated zeros
	torn                  // a write that was not finished
	damage                // once synced, and changed since
)

const (
	sectorBytes    = 512 // what a disk writes whole or not at all
	frameBytes     = 8   // the length in front of each record
	maxRecordBytes = 256 << 20
)

// judge decides what the bytes behind the last good record are. end is their offset in the file, err what
// the decoder said of them. The package comment has the rule about batches.
func judge(rest []byte, end int64, err error) (verdict, string) {
	if len(bytes.TrimRight(rest, "\x00")) == 0 {
		return clean, ""
	}
	if !unfinished(rest, end) {
		if err == nil || errors.Is(err, io.EOF) {
			return damage, "not a record"
		}
		return damage, err.Error()
	}
	batches := 0
	for at := align(end+1) - int(end); at+frameBytes <= len(rest); {
		rec, size := wholeRecord(rest[at:])
		if rec == nil {
			at += frameBytes
			continue
		}
		if batches > 0 {
			return damage, "a record is broken, and later ones were synced"
		}
		if rec.GetType() != wal.EntryType {
			batches++
		}
		at += size
	}
	return torn, ""
}

// unfinished reports whether rest begins with a record of which a part never reached the disk: the file
// ends in it, or a whole sector of it is still zero. Anything else in it must be consistent.
func unfinished(rest []byte, end int64) bool {
	if len(rest) < frameBytes {
		return true
	}
	toSector := func(at int64) int { return int(sectorBytes - (end+at)%sectorBytes) }
	if n := min(toSector(0), len(rest)); allZero(rest[:n]) {
		return true
	}
	length, body := frame(rest)
	if length <= 0 || length > maxRecordBytes || !wellFramed(rest) {
		return false
	}
	if size, head, ok := declared(rest[frameBytes:]); ok && size != length {
		n := toSector(0)
		if frameBytes+head <= n || !allZero(rest[n:min(n+sectorBytes, len(rest))]) {
			return false // the length changed, not the data
		}
	}
	if align(length) > len(body) {
		return true
	}
	for at := 0; at < int(length); {
		n := min(toSector(int64(frameBytes+at)), int(length)-at)
		if allZero(body[at : at+n]) {
			return true
		}
		at += n
	}
	return false
}

// frame splits a record's length from what follows it.
func frame(b []byte) (length int64, body []byte) {
	var field uint64
	for i := range frameBytes {
		field |= uint64(b[i]) << (8 * i)
	}
	return int64(field &^ (0xff << 56)), b[frameBytes:]
}

// wellFramed reports whether b begins with a length whose highest byte, which says how many bytes of padding
// follow the record, agrees with the rest; or with the zeros of space that was never written.
func wellFramed(b []byte) bool {
	length, _ := frame(b)
	padding := byte(align(length) - int(length))
	if padding != 0 {
		padding |= 0x80
	}
	return b[frameBytes-1] == padding
}

// align rounds up to what records are aligned to.
func align(n int64) int { return int((n + frameBytes - 1) / frameBytes * frameBytes) }

// declared returns the size of a record according to its own fields (type, checksum, data with its length), and how
// many bytes say so.
func declared(body []byte) (size int64, head int, ok bool) {
	for field := protowire.Number(1); field <= 3; field++ {
		number, kind, n := protowire.ConsumeTag(body[head:])
		if n < 0 || number != field {
			return 0, 0, false
		}
		head += n
		value, n := protowire.ConsumeVarint(body[head:])
		if n < 0 {
			return 0, 0, false
		}
		head += n
		if kind == protowire.BytesType {
			return int64(head) + int64(value), head, true
		}
	}
	return 0, 0, false
}

// wholeRecord returns the record that b begins with and its size with padding, or nil. Its checksum cannot be
// known without what came before, so everything else about it must be right.
func wholeRecord(b []byte) (*walpb.Record, int) {
	length, body := frame(b)
	if length <= 0 || length > int64(len(body)) || !wellFramed(b) {
		return nil, 0
	}
	if size, _, ok := declared(body); !ok || size != length {
		return nil, 0
	}
	var rec walpb.Record
	if !strictly(body[:length], &rec) || rec.Crc == nil {
		return nil, 0
	}
	var m proto.Message
	switch rec.GetType() {
	case wal.EntryType:
		m = &raftpb.Entry{}
	case wal.StateType:
		m = &raftpb.HardState{}
	case wal.SnapshotType:
		m = &walpb.Snapshot{}
	default:
		return nil, 0
	}
	if !strictly(rec.GetData(), m) {
		return nil, 0
	}
	return &rec, frameBytes + align(length)
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// castagnoli is the polynomial of every checksum here; making the table is cheap, the package crc32 keeps it.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
