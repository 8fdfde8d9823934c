package master

import (
	"context"
	"path"
	"slices"
	"sync"
)

// changes keeps apart what happens to under file systems at the same time through this master.
//
// A [change] of a path excludes other changes at, above and below it, from the look at what is there until the command
// that tells of it has been applied. Changes come in the order in which they were asked for, so none waits for ever. Of those
// of the namespace alone, which the log keeps apart, none excludes another. A [look] only reads, and excludes nobody. But what it saw of a name may be older
// than a change of that name that is already in the namespace, and would undo it there (a file that was just removed
// would come back), or be ahead of it (a file that is just being moved would be found in both places, and be in its own way).
// So it is told which names were changed while it lasted, leaves those to their changes, and asks for them again.
type changes struct {
	mu struct {
		sync.Mutex
		asked map[*change]bool // for, and not over
		looks map[*look]bool
	}
}

// change is a change under way.
type change struct {
	paths []string
	here  bool          // in the namespace alone: no look at an under file system sees anything of it
	begun bool          // all that it waited for are over; guarded by the lock of changes
	done  chan struct{} // closed at its end
}

// look is a look at entries of one directory under way.
type look struct {
	dir       string
	disturbed map[string]*change // by name; guarded by the lock of changes
}

func newChanges() *changes {
	c := &changes{}
	c.mu.asked = make(map[*change]bool)
	c.mu.looks = make(map[*look]bool)
	return c
}

// begin starts a change of paths when nobody else changes them. The caller must end it.
func (c *changes) begin(ctx context.Context, paths ...string) (*change, error) {
	return c.start(ctx, &change{paths: paths, done: make(chan struct{})})
}

// beginHere starts a change of a path in the namespace alone, as begin does.
func (c *changes) beginHere(ctx context.Context, p string) (*change, error) {
	return c.start(ctx, &change{paths: []string{p}, here: true, done: make(chan struct{})})
}

func (c *changes) start(ctx context.Context, mine *change) (*change, error) {
	for _, other := range c.ask(mine) {
		if err := other.wait(ctx); err != nil {
			c.end(mine)
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	mine.begun = true
	for l := range c.mu.looks {
		l.disturb(mine)
	}
	return mine, nil
}

// ask gives the changes that were asked for before and that mine has to wait for.
func (c *changes) ask(mine *change) (before []*change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.mu.asked {
		if other.excludes(mine) {
			before = append(before, other)
		}
	}
	c.mu.asked[mine] = true
	return before
}

func (c *changes) end(x *change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.asked, x)
	close(x.done)
}

// excludes says whether two changes cannot be at once: one of the paths is, holds, or is held by one of the other's.
func (x *change) excludes(y *change) bool {
	return !(x.here && y.here) && slices.ContainsFunc(x.paths, func(p string) bool {
		return slices.ContainsFunc(y.paths, func(q string) bool { return p == q || within(p, q) || within(q, p) })
	})
}

// look starts a look at entries of dir. The caller must leave it.
func (c *changes) look(dir string) *look {
	l := &look{dir: dir, disturbed: make(map[string]*change)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.looks[l] = true
	for x := range c.mu.asked {
		l.disturb(x)
	}
	return l
}

func (c *changes) leave(l *look) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.looks, l)
}

// disturb notes names of the looked at directory that x changes.
func (l *look) disturb(x *change) {
	if x.here || !x.begun {
		return
	}
	for _, p := range x.paths {
		if path.Dir(p) == l.dir {
			l.disturbed[path.Base(p)] = x
		}
	}
}

// disturbed gives the names whose changes fell into the look so far, and forgets them.
func (c *changes) disturbed(l *look) map[string]*change {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := l.disturbed
	l.disturbed = make(map[string]*change)
	return d
}

// within says whether p lies below dir.
func within(p, dir string) bool {
	if dir == "/" {
		return len(p) > 1
	}
	return len(p) > len(dir) && p[:len(dir)] == dir && p[len(dir)] == '/'
}

// wait returns when the change is over.
func (x *change) wait(ctx context.Context) error {
	select {
	case <-x.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
