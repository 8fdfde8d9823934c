package fuse

import "time"

// listing is what a directory knows of the names that the kernel keeps of it. The kernel keeps what it reads through
// handles opened with FOPEN_CACHE_DIR, until the directory is opened without; and it may mix what it reads through
// several at once. So the age of what it keeps is that of the oldest of them.
type listing struct {
	asked   moment    // the moment of the oldest; meaningless unless began is set
	began   time.Time // when that was; zero: the kernel keeps nothing
	filling int       // open handles that the kernel keeps names from
}

// usable says if names of that age may be shown again: nothing was pushed about the directory since, and they were
// read so recently that the attributes which came with them still live. (Else one listing is cheaper than to ask for
// the attributes of each.)
func (l listing) usable(confirmed bool, age, attrTimeout time.Duration) bool {
	return l.began.IsZero() || confirmed && age < attrTimeout/2
}

// beginListing says if the kernel may keep the names read through a handle that is about to be opened, and show those
// that it has. endListing must follow if so, when the handle is closed.
func (n *dirNode) beginListing() bool {
	now := n.m.trust.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &n.mu.listing
	confirmed := l.asked >= n.mu.forgotten && n.m.trust.confirmed(l.asked)
	if !n.m.trust.confirmed(now) || !pushed(n.mu.info) || !l.usable(confirmed, time.Since(l.began), n.m.opts.AttrTimeout) {
		// The kernel drops what it keeps, as it is told now, but not what may still come from other handles.
		if l.filling == 0 {
			*l = listing{}
		}
		return false
	}
	if l.began.IsZero() {
		l.asked, l.began = now, time.Now()
	}
	l.filling++
	return true
}

func (n *dirNode) endListing() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.listing.filling--
}
