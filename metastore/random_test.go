package metastore

import (
	"math/rand/v2"
	"testing"
)

// commands draws commands over few names, so that they meet. pick(n) is a number
// below n; the store is asked only what a leader would ask it.
type commands struct {
	pick  func(n int) int
	store *Store
	clock int64
	// anonymous: without operation ids, whose memory is a story of its own.
	anonymous bool
}

func (c *commands) path() string {
	p := ""
	for range 1 + c.pick(3) {
		p += "/" + []string{"a", "b", "c"}[c.pick(3)]
	}
	return p
}

func (c *commands) header() Header {
	c.clock += int64(c.pick(100_000))
	h := Header{Time: c.clock, User: "alice", Group: "staff"}
	if !c.anonymous && c.pick(3) == 0 {
		h.OpID[0], h.OpID[1] = 1, byte(c.pick(40))
	}
	return h
}

func (c *commands) next() command {
	h, one := c.header(), func() bool { return c.pick(2) == 0 }
	switch c.pick(18) {
	case 0, 1, 2:
		return CreateFile{Header: h, Path: c.path(), Recursive: one(), Persisted: one()}
	case 3, 4:
		return CompleteFile{Header: h, Path: c.path(), Length: int64(c.pick(1000)), Persistence: Persistence(c.pick(3))}
	case 5:
		return CreateDirectory{Header: h, Path: c.path(), Recursive: one(), AllowExists: one(), Persisted: one()}
	case 6:
		return Delete{Header: h, Path: c.path(), Recursive: one(), GoosefsOnly: one()}
	case 7, 8:
		return Rename{Header: h, Src: c.path(), Dst: c.path()}
	case 9:
		return AddMount{Header: h, Path: c.path(), UFS: "mem://" + c.path()[1:], ReadOnly: c.pick(4) == 0, Shared: one()}
	case 10:
		return RemoveMount{Header: h, Path: c.path()}
	case 11, 12:
		return c.load(h)
	case 14, 15:
		return c.setACL(h)
	case 13:
		return CreateSymlink{Header: h, Path: c.path(), Target: c.path(), Recursive: one()}
	case 16:
		return c.setNamespace(h)
	default:
		return SetAttribute{Header: h, Path: c.path(), Mode: new(uint32(c.pick(0o1000))), Recursive: one()}
	}
}

// setNamespace changes some of a namespace that is there, or not.
func (c *commands) setNamespace(h Header) command {
	set := SetNamespace{Header: h, Name: []string{"a", "b", "c", "a/b"}[c.pick(4)]}
	switch c.pick(5) {
	case 0:
		set.Write, set.Read = new(WritePolicy(c.pick(8))), new(ReadPolicy(c.pick(7)))
	case 1:
		set.TTL, set.Action = new(int64(c.pick(3)-1)), new(TTLAction(c.pick(4)))
	case 2:
		set.ReadOnly, set.Shared = new(c.pick(2) == 0), new(c.pick(2) == 0)
	case 3:
		set.SetOptions, set.Secrets = map[string]string{"k": "v"}, []string{"k"}
	case 4:
		set.RemoveOptions, set.FreedUntil = []string{"k"}, new(c.clock)
	}
	return set
}

// setACL is a change that is good for a directory, at least.
func (c *commands) setACL(h Header) command {
	set := SetACL{Header: h, Path: c.path(), Action: ACLAction(c.pick(5)), Recursive: c.pick(3) == 0}
	rights := func() uint32 { return uint32(c.pick(8)) }
	one := func(kind ACLKind, name string, isDefault bool) {
		set.Entries = append(set.Entries, ACLEntry{kind, name, rights(), isDefault})
	}
	for _, isDefault := range []bool{false, true}[:1+c.pick(2)] {
		if set.Action == ACLReplace {
			one(ACLOwner, "", isDefault)
			one(ACLOwningGroup, "", isDefault)
			one(ACLOther, "", isDefault)
		}
		one(ACLNamedUser+ACLKind(2*c.pick(2)), []string{"alice", "bob"}[c.pick(2)], isDefault)
		if c.pick(4) == 0 {
			one(ACLMask, "", isDefault)
		}
	}
	if set.Action >= ACLRemoveAll {
		set.Entries = nil
	}
	return set
}

// load is what a leader would find in a UFS directory: some of what is known,
// changed or not, something new, and some that is gone.
func (c *commands) load(h Header) command {
	load := LoadEntries{Header: h, Dir: c.path(), Final: c.pick(2) == 0}
	if c.pick(4) == 0 {
		load.Dir = "/"
	}
	r, err := c.store.Resolve(load.Dir)
	if err != nil || r.Inode == nil {
		return load
	}
	load.DirID = r.Inode.ID
	for _, name := range []string{"a", "b", "c"} {
		switch c.pick(4) {
		case 0:
			load.Entries = append(load.Entries, Entry{Name: name, Dir: true})
		case 1:
			n := c.pick(3)
			load.Entries = append(load.Entries, Entry{Name: name, Length: int64(n), Version: string(rune('v' + n))})
		case 2:
			if known, err := c.store.Resolve(join(load.Dir, name)); err == nil && known.Inode != nil {
				load.Gone = append(load.Gone, Gone{Name: name, ID: known.Inode.ID})
			}
		}
	}
	return load
}

// randomLog is a log of n commands that mostly do something.
func randomLog(t testing.TB, random *rand.Rand, n int) [][]byte {
	s := open(t, t.TempDir())
	c := commands{pick: random.IntN, store: s}
	var log [][]byte
	for len(log) < n {
		log = append(log, c.next().(interface{ Encode() []byte }).Encode())
		s.Apply(uint64(len(log)), log[len(log)-1:])
	}
	return log
}
