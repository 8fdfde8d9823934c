package blockcache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// An index file is an array of 8-byte slots, little-endian. The header takes
// the first headerSlots; chunk c has slot headerSlots+c. Slots are paid for,
// and kept in memory, by the page.
const (
	headerSlots = 8
	headerSize  = headerSlots * 8
	pageSlots   = pageSize / 8
	pageSize    = 4096 // also the unit in which disks allocate

	indexMagic   = "GOOSEIDX"
	indexVersion = 1
)

// What a slot in memory holds when it is not a record; the order is checked by
// isRecord. On disk only 0 and records exist.
const (
	absent uint64 = iota
	writing
	leaving
	spoiled
)

// isRecord tells a record from the states: a mark is never 0.
func isRecord(slot uint64) bool { return slot>>32 != 0 }

// onDisk says whether the state has space allocated.
func onDisk(slot uint64) bool { return slot == spoiled || isRecord(slot) }

// checksum is crc32c; MakeTable has that table once for all.
func checksum(p []byte) uint32 {
	return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
}

// checksumOn is the checksum of bytes that follow others, given theirs.
func checksumOn(crc uint32, p []byte) uint32 {
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), p)
}

// makeRecord binds a chunk's checksum to the file and the place it is for.
func makeRecord(id, chunk int64, crc uint32) uint64 {
	var b [20]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(id))
	binary.LittleEndian.PutUint64(b[8:], uint64(chunk))
	binary.LittleEndian.PutUint32(b[16:], crc)
	mark := checksum(b[:])
	if mark == 0 {
		mark = 1
	}
	return uint64(mark)<<32 | uint64(crc)
}

// recordFits says whether the bytes of a chunk are those its record was made for.
func recordFits(record uint64, p []byte) bool { return uint32(record) == checksum(p) }

// header opens an index file.
type header struct {
	storeID int64
	info    FileInfo
	kept    bool // it is the only copy of its bytes
}

func (h header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, indexMagic)
	binary.LittleEndian.PutUint32(b[8:], indexVersion)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.storeID))
	binary.LittleEndian.PutUint64(b[24:], uint64(h.info.ID))
	binary.LittleEndian.PutUint64(b[32:], uint64(h.info.Length))
	binary.LittleEndian.PutUint64(b[40:], uint64(h.info.BlockSize))
	if h.kept {
		b[48] = 1
	}
	binary.LittleEndian.PutUint32(b[12:], headerChecksum(b))
	return b
}

// headerChecksum leaves out its own place.
func headerChecksum(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(b[:12], table), table, b[16:headerSize])
}

// Reasons for an index that is not ours; they are logged, never returned.
var (
	errShort   = errors.New("shorter than its header")
	errMagic   = errors.New("not an index")
	errVersion = errors.New("an index of another version")
	errTorn    = errors.New("the header's checksum does not fit")
	errLength  = errors.New("the length is not the one in its header")
	errForeign = errors.New("of another worker or another file")
	errName    = errors.New("no such name is ours")
	errSector  = errors.New("cannot be read")
)

func decodeHeader(b []byte) (header, error) {
	var h header
	switch {
	case len(b) < headerSize:
		return h, errShort
	case string(b[:8]) != indexMagic:
		return h, errMagic
	case headerChecksum(b) != binary.LittleEndian.Uint32(b[12:]):
		return h, errTorn
	case binary.LittleEndian.Uint32(b[8:]) != indexVersion:
		return h, errVersion
	}
	h.storeID = int64(binary.LittleEndian.Uint64(b[16:]))
	h.info.ID = int64(binary.LittleEndian.Uint64(b[24:]))
	h.info.Length = int64(binary.LittleEndian.Uint64(b[32:]))
	h.info.BlockSize = int64(binary.LittleEndian.Uint64(b[40:]))
	h.kept = b[48] == 1
	if h.info.validate() != nil || h.info.Length == 0 {
		return h, errTorn
	}
	return h, nil
}

// indexSize is the length of a file's index.
func indexSize(i FileInfo) int64 { return headerSize + 8*i.chunks() }

// slotOffset is where chunk c's record lies in the index file.
func slotOffset(chunk int64) int64 { return headerSize + 8*chunk }

// encodeSlots is the disk's form of a run of records.
func encodeSlots(records []uint64) []byte {
	b := make([]byte, 0, 8*len(records))
	for _, r := range records {
		b = binary.LittleEndian.AppendUint64(b, r)
	}
	return b
}
