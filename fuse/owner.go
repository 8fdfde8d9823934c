package fuse

import (
	"os/user"
	"strconv"
	"sync"
)

// owners turns the names of owners and groups into this host's numbers, and remembers them for the life of the mount.
type owners struct {
	uid, gid int // shown for everything; -1: by name

	mu struct {
		sync.Mutex
		users, groups map[string]uint32
	}
}

func newOwners(uid, gid int) *owners {
	o := &owners{uid: uid, gid: gid}
	o.mu.users = make(map[string]uint32)
	o.mu.groups = make(map[string]uint32)
	return o
}

// ids are the owner and group to show. Names that this host does not know belong to root; names that are numbers
// stand for themselves.
func (o *owners) ids(owner, group string) (uid, gid uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return pick(o.uid, owner, o.mu.users, userID), pick(o.gid, group, o.mu.groups, groupID)
}

func pick(fixed int, name string, known map[string]uint32, find func(string) (string, error)) uint32 {
	if fixed >= 0 {
		return uint32(fixed)
	}
	if id, ok := known[name]; ok {
		return id
	}
	text := name
	if found, err := find(name); err == nil {
		text = found
	}
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		id = 0
	}
	known[name] = uint32(id)
	return uint32(id)
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
