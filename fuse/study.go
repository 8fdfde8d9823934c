package fuse

import (
	"context"
	"syscall"
	"time"

	"goosefs/client"
)

const (
	studyBegin = 16 // names that were asked for one by one before their directory is listed
	studyEach  = 64 // entries that are read for each of these: they cost about what it did
)

// study decides when a directory is listed for the catalogue though nobody reads it: who asks for many of its names one by
// one asks for more of them, and again when the kernel has forgotten them. It never costs much more than the questions
// did. The zero value has seen nothing.
type study struct {
	asked   int // names, since the last whole listing
	next    int // studied again at so many
	running bool
}

// missed notes that a name was asked for. The directory is to be listed, up to so many entries; 0: not now.
func (s *study) missed() (most int) {
	s.asked++
	if s.running || s.asked < max(studyBegin, s.next) {
		return 0
	}
	s.running = true
	return s.asked * studyEach
}

// ended notes whether the listing was kept: it is not if the directory has more entries, or changed meanwhile.
func (s *study) ended(kept bool) {
	s.running = false
	s.next = 2 * s.asked
	if kept {
		*s = study{}
	}
}

// missed notes that a name of the directory was asked for.
func (n *dirNode) missed() {
	if !n.m.trust.confirmed(n.m.trust.now()) {
		return // nothing would be kept
	}
	n.mu.Lock()
	most := n.study.missed()
	n.mu.Unlock()
	if most > 0 {
		go n.learnNames(most)
	}
}

// learnNames lists the directory for the catalogue, up to so many entries.
func (n *dirNode) learnNames(most int) {
	n.m.stats.lists.Add(1)
	kept := n.m.record(n.m.serving, n.path(), n.StableAttr().Ino, func(client.Info, error) bool {
		most--
		return most >= 0
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.study.ended(kept)
}

// record lists a directory, and puts the listing into the catalogue if it comes whole. Each entry is told, or the error
// that ends the listing, until each returns false.
func (m *Mounted) record(ctx context.Context, at string, ino uint64, each func(client.Info, error) bool) (kept bool) {
	entry, asked, learned := m.known.begin(at, ino), m.trust.now(), time.Now()
	defer m.known.abandon(entry)
	usual := true
	for info, err := range m.entries(ctx, at) {
		if err == nil && info.Path == at && !info.Dir {
			err = syscall.ESTALE // it became a file
		}
		if err == nil && !presentable(info.Name) {
			m.log.Warn("a name that no directory can hold is not shown", "path", info.Path)
			continue
		}
		if !each(info, err) || err != nil {
			return false
		}
		if usual = usual && entry.list.add(info) == nil; !usual {
			entry.list = shorthand{path: at}
		}
	}
	return usual && m.trust.confirmed(asked) && ctx.Err() == nil && m.known.keep(entry, asked, learned)
}
