package auth

import (
	"os/user"
	"sync"
	"time"
)

// groupsKept bounds how many users' groups are remembered: names come from outside.
const groupsKept = 10_000

// Groups tells which groups users are in, and remembers it for a while. A nil *Groups knows none.
type Groups struct {
	lookup func(user string) ([]string, error)
	keep   time.Duration

	mu struct {
		sync.Mutex
		known map[string]membership
	}
}

type membership struct {
	groups []string
	until  time.Time
}

// NewGroups makes a Groups that asks lookup, and again when an answer is older than keep. lookup gives the user's own
// group first. Users that it fails for are in none.
func NewGroups(lookup func(user string) ([]string, error), keep time.Duration) *Groups {
	g := &Groups{lookup: lookup, keep: keep}
	g.mu.known = make(map[string]membership)
	return g
}

// Of are the groups of a user, his own first. The result is shared: it is not to be modified.
func (g *Groups) Of(user string) []string {
	if g == nil {
		return nil
	}
	now := time.Now()
	g.mu.Lock()
	m, ok := g.mu.known[user]
	g.mu.Unlock()
	if ok && now.Before(m.until) {
		return m.groups
	}
	groups, err := g.lookup(user)
	if err != nil {
		groups = nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.mu.known) >= groupsKept {
		clear(g.mu.known)
	}
	g.mu.known[user] = membership{groups, now.Add(g.keep)}
	return groups
}

// HostGroups asks this host which groups a user is in. Groups without a name are left out.
func HostGroups(name string) ([]string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	ids = append([]string{u.Gid}, ids...)
	var names []string
	for i, id := range ids {
		if i > 0 && id == u.Gid {
			continue
		}
		if g, err := user.LookupGroupId(id); err == nil {
			names = append(names, g.Name)
		}
	}
	return names, nil
}

// OwnGroup has every user be in one group, which has his name.
func OwnGroup(name string) ([]string, error) { return []string{name}, nil }
