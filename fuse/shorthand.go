package fuse

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"goosefs/client"
)

// shorthand is a listing in few bytes: some 50 an entry, and none that the garbage collector must look at. What the mount
// asks for anew whenever somebody wants it (where a file is in the under file system, for one) is left out.
type shorthand struct {
	path    string // of the directory
	entries []byte
	owners  []string            // owners and groups
	places  [][]client.Location // of blocks
	marks   []mark              // every markEach-th entry
	count   int
	scratch []byte
	last    string // name that was added
}

// mark is where an entry begins.
type mark struct {
	name string
	at   int
}

const markEach = 64

// blockIndex holds the index of a block in its id.
const blockIndex = 1<<24 - 1

// errUnusual says that an entry is not like those that shorthand is made for.
var errUnusual = errors.New("an entry that has no short form")

// add appends an entry.
func (s *shorthand) add(info client.Info) error {
	if info.Path != childPath(s.path, info.Name) {
		return errUnusual
	}
	if s.count > 0 && info.Name <= s.last {
		return errUnusual // find wants them in order
	}
	if !pushed(info) {
		return errUnusual
	}
	at, flags := len(s.entries), uint64(info.ReadPolicy)<<5
	for bit, on := range []bool{info.Dir, info.Completed, info.Cacheable, info.MountPoint, info.Symlink != ""} {
		if on {
			flags |= 1 << bit
		}
	}
	b := binary.AppendUvarint(s.scratch[:0], flags)
	b = binary.AppendVarint(b, info.ID)
	b = binary.AppendVarint(b, info.Length)
	b = binary.AppendVarint(b, info.BlockSize)
	b = binary.AppendUvarint(b, uint64(info.Mode))
	b = binary.AppendUvarint(b, uint64(info.Percent))
	b = binary.AppendUvarint(b, s.owner(info.Owner))
	b = binary.AppendUvarint(b, s.owner(info.Group))
	b = appendTime(b, info.Modified)
	b = appendTime(b, info.Accessed)
	if info.Symlink != "" {
		b = appendBytes(b, info.Symlink)
	}
	b = binary.AppendUvarint(b, uint64(len(info.Blocks)))
	for i, block := range info.Blocks {
		if b := blockOf(info, i); block.ID != b.ID || block.Offset != b.Offset || block.Length != b.Length {
			return errUnusual
		}
		b = binary.AppendUvarint(b, s.place(block.Locations))
	}
	if s.count%markEach == 0 {
		s.marks = append(s.marks, mark{info.Name, at})
	}
	s.scratch, s.last = b, info.Name
	s.entries = appendBytes(appendBytes(s.entries, info.Name), b)
	s.count++
	return nil
}

// appendBytes appends bytes and, before them, how many.
func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// blockOf is the i-th block of a file, but for where it is.
func blockOf(info client.Info, i int) client.Block {
	off := int64(i) * info.BlockSize
	return client.Block{ID: info.ID&^blockIndex | int64(i), Offset: off, Length: min(info.BlockSize, info.Length-off)}
}

func (s *shorthand) owner(name string) uint64 {
	i := slices.Index(s.owners, name)
	if i < 0 {
		i = len(s.owners)
		s.owners = append(s.owners, name)
	}
	return uint64(i)
}

// place is the number of a block's locations. Those of neighbours are the same as a rule.
func (s *shorthand) place(at []client.Location) uint64 {
	for i := len(s.places) - 1; i >= 0; i-- {
		if slices.Equal(s.places[i], at) {
			return uint64(i)
		}
	}
	s.places = append(s.places, at)
	return uint64(len(s.places) - 1)
}

// appendTime appends a time. That there is none is kept.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixNano()+1)
}

// size is how many bytes it takes, about.
func (s *shorthand) size() int64 {
	const each = 64
	n := int64(cap(s.entries) + len(s.path) + each*(1+len(s.owners)+len(s.marks)))
	for _, at := range s.places {
		n += int64(each * (1 + 2*len(at)))
	}
	return n
}

// shorthandReader reads entries one after the other.
type shorthandReader struct {
	s    *shorthand
	rest []byte
}

func (s *shorthand) read() *shorthandReader { return &shorthandReader{s, s.entries} }

// find is the entry of a name.
func (s *shorthand) find(name string) (info client.Info, ok bool) {
	i, exact := slices.BinarySearchFunc(s.marks, name, func(m mark, name string) int { return strings.Compare(m.name, name) })
	if !exact {
		i--
	}
	if i < 0 {
		return client.Info{}, false
	}
	r := &shorthandReader{s, s.entries[s.marks[i].at:]}
	for range markEach {
		if len(r.rest) == 0 {
			break
		}
		here := r.bytes()
		if string(here) == name {
			return r.entry(here), true
		}
		r.bytes()
	}
	return client.Info{}, false
}

// next is the next entry.
func (r *shorthandReader) next() (info client.Info, more bool) {
	if len(r.rest) == 0 {
		return client.Info{}, false
	}
	return r.entry(r.bytes()), true
}

// entry is what follows a name.
func (r *shorthandReader) entry(name []byte) (info client.Info) {
	r.unsigned() // its length
	info.Path = childPath(r.s.path, string(name))
	info.Name = info.Path[len(info.Path)-len(name):]
	flags := r.unsigned()
	info.Dir, info.Completed, info.Cacheable, info.MountPoint = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
	info.ReadPolicy = client.ReadPolicy(flags >> 5)
	info.ID, info.Length, info.BlockSize = r.signed(), r.signed(), r.signed()
	info.Mode, info.Percent = uint32(r.unsigned()), int(r.unsigned())
	info.Owner, info.Group = r.s.owners[r.unsigned()], r.s.owners[r.unsigned()]
	info.Modified, info.Accessed = r.time(), r.time()
	if flags&16 != 0 {
		info.Symlink = string(r.bytes())
	}
	if blocks := int(r.unsigned()); blocks > 0 {
		info.Blocks = make([]client.Block, blocks)
		for i := range info.Blocks {
			info.Blocks[i] = blockOf(info, i)
			info.Blocks[i].Locations = r.s.places[r.unsigned()]
		}
	}
	return info
}

// bytes are those that appendBytes appended.
func (r *shorthandReader) bytes() []byte {
	n := r.unsigned()
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *shorthandReader) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.rest = r.rest[n:]
	return v
}

func (r *shorthandReader) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.rest = r.rest[n:]
	return v
}

func (r *shorthandReader) time() time.Time {
	at := r.signed()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at-1)
}

func childPath(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}
