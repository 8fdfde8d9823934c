package master

import (
	"testing"
	"time"

	"goosefs/metastore"
)

// What must be asked of the under file system before an answer about a path can be believed.
func TestDecideStat(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	mount := metastore.Mount{ID: 1}
	file := &metastore.Inode{Persistence: metastore.Persisted, SyncTime: ago(10 * time.Second)}
	dir := &metastore.Inode{Dir: true, Persistence: metastore.Persisted}
	listed := metastore.Inode{Dir: true, Persistence: metastore.Persisted, ChildrenLoaded: true, SyncTime: ago(10 * time.Second)}
	for _, c := range []struct {
		what string
		r    metastore.Resolution
		max  freshness
		want lookup
	}{
		{"nothing is mounted", metastore.Resolution{Deepest: *dir}, 0, known},
		{"a name below a file", metastore.Resolution{Mount: mount, Deepest: *file}, 0, known},
		{"a name in a directory that was never listed", metastore.Resolution{Mount: mount, Deepest: *dir}, anyAge, missing},
		{"the same, not to be asked for", metastore.Resolution{Mount: mount, Deepest: *dir}, asKnown, known},
		{"a name not in the listing", metastore.Resolution{Mount: mount, Deepest: listed}, anyAge, known},
		{"a name not in a young listing", metastore.Resolution{Mount: mount, Deepest: listed}, freshness(11 * time.Second), known},
		{"a name not in an old listing", metastore.Resolution{Mount: mount, Deepest: listed}, freshness(10 * time.Second), missing},
		{"a name in a directory that is only here", metastore.Resolution{Mount: mount, Deepest: metastore.Inode{Dir: true}}, freshness(1), known},
		{"the same, as it is now", metastore.Resolution{Mount: mount, Deepest: metastore.Inode{Dir: true}}, 0, missing},
		{"a name in a mount point that was never listed", metastore.Resolution{Mount: mount, Deepest: metastore.Inode{Dir: true, MountID: 1}}, anyAge, missing},
		{"a known file, any age", metastore.Resolution{Mount: mount, Inode: file}, anyAge, known},
		{"a known file, young enough", metastore.Resolution{Mount: mount, Inode: file}, freshness(11 * time.Second), known},
		{"a known file, too old", metastore.Resolution{Mount: mount, Inode: file}, freshness(10 * time.Second), changed},
		{"a known file, as it is now", metastore.Resolution{Mount: mount, Inode: file}, 0, changed},
		{"a file that is only here", metastore.Resolution{Mount: mount, Inode: &metastore.Inode{}}, 0, known},
		{"a known directory", metastore.Resolution{Mount: mount, Inode: dir}, freshness(time.Second), known},
		{"a known directory, as it is now", metastore.Resolution{Mount: mount, Inode: dir}, 0, changed},
		{"a mount point", metastore.Resolution{Mount: mount, Inode: &metastore.Inode{Dir: true, Persistence: metastore.Persisted, MountID: 1}}, 0, known},
	} {
		if got := decideStat(c.r, c.max, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestDecideList(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	mount := metastore.Mount{ID: 1}
	dir := func(n metastore.Inode) *metastore.Inode {
		n.Dir = true
		return &n
	}
	old := now.Add(-10 * time.Second).UnixMilli()
	for _, c := range []struct {
		what  string
		mount metastore.Mount
		n     *metastore.Inode
		max   freshness
		want  bool
	}{
		{"nothing is there", mount, nil, 0, false},
		{"a file", mount, &metastore.Inode{Persistence: metastore.Persisted}, 0, false},
		{"nothing is mounted", metastore.Mount{}, dir(metastore.Inode{Persistence: metastore.Persisted}), 0, false},
		{"never listed", mount, dir(metastore.Inode{Persistence: metastore.Persisted}), anyAge, true},
		{"never listed, not to be asked for", mount, dir(metastore.Inode{Persistence: metastore.Persisted}), asKnown, false},
		{"only here", mount, dir(metastore.Inode{}), 0, false},
		{"a mount's root", mount, dir(metastore.Inode{MountID: 1}), anyAge, true},
		{"listed", mount, dir(metastore.Inode{Persistence: metastore.Persisted, ChildrenLoaded: true, SyncTime: old}), anyAge, false},
		{"listed lately", mount, dir(metastore.Inode{Persistence: metastore.Persisted, ChildrenLoaded: true, SyncTime: old}), freshness(11 * time.Second), false},
		{"listed long ago", mount, dir(metastore.Inode{Persistence: metastore.Persisted, ChildrenLoaded: true, SyncTime: old}), freshness(9 * time.Second), true},
		{"as it is now", mount, dir(metastore.Inode{Persistence: metastore.Persisted, ChildrenLoaded: true, SyncTime: now.UnixMilli()}), 0, true},
	} {
		if got := decideList(metastore.Resolution{Mount: c.mount, Inode: c.n}, c.max, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestLookupTarget(t *testing.T) {
	for _, c := range []struct {
		what                lookup
		path, deepest, want string
	}{
		{missing, "/a/b/c", "/", "/a"},
		{missing, "/a/b/c", "/a", "/a/b"},
		{missing, "/a", "/", "/a"},
		{changed, "/a/b", "/a/b", "/a/b"},
	} {
		if got := c.what.target(metastore.Resolution{Path: c.path, DeepestPath: c.deepest}); got != c.want {
			t.Errorf("%s from %s: %s, want %s", c.path, c.deepest, got, c.want)
		}
	}
}

// What there is to move in the under file system, and what the command refuses by itself.
func TestMovable(t *testing.T) {
	mount := metastore.Mount{ID: 1}
	file := &metastore.Inode{Persistence: metastore.Persisted}
	dir := metastore.Inode{Dir: true}
	src := metastore.Resolution{Path: "/a/x", Inode: file, Mount: mount}
	dst := metastore.Resolution{Path: "/b/y", Deepest: dir, DeepestPath: "/b", Mount: mount}
	for _, c := range []struct {
		what string
		edit func(src, dst *metastore.Resolution)
		want bool
	}{
		{"a file to a free name", func(src, dst *metastore.Resolution) {}, true},
		{"nothing", func(src, dst *metastore.Resolution) { src.Inode = nil }, false},
		{"a file that is only here", func(src, dst *metastore.Resolution) { src.Inode = &metastore.Inode{} }, false},
		{"a mount point", func(src, dst *metastore.Resolution) {
			src.Inode = &metastore.Inode{Persistence: metastore.Persisted, MountID: 2}
		}, false},
		{"to another mount", func(src, dst *metastore.Resolution) { dst.Mount.ID = 2 }, false},
		{"in a read-only mount", func(src, dst *metastore.Resolution) { src.Mount.ReadOnly = true }, false},
		{"to a name that is taken", func(src, dst *metastore.Resolution) { dst.Inode = file }, false},
		{"to a directory that is not there", func(src, dst *metastore.Resolution) { dst.DeepestPath = "/" }, false},
		{"to below a file", func(src, dst *metastore.Resolution) { dst.Deepest.Dir = false }, false},
		{"into itself", func(src, dst *metastore.Resolution) { dst.Path, dst.DeepestPath = "/a/x/y", "/a/x" }, false},
	} {
		src, dst := src, dst
		c.edit(&src, &dst)
		if got := movable(src, dst); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// When a listing is an answer, after a look at what was before.
func TestAnswers(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	dir := func(id int64, loaded bool) *metastore.Inode {
		n := &metastore.Inode{ID: id, Dir: true, Persistence: metastore.Persisted, ChildrenLoaded: loaded}
		if loaded {
			n.SyncTime = now.Add(-10 * time.Second).UnixMilli()
		}
		return n
	}
	file := &metastore.Inode{ID: 9, Persistence: metastore.Persisted}
	for _, c := range []struct {
		what      string
		before, n *metastore.Inode
		max       freshness
		want      bool
	}{
		{"loaded", dir(1, false), dir(1, true), anyAge, true},
		{"as it is now", dir(1, true), dir(1, true), 0, true},
		{"something was forgotten", dir(1, true), dir(1, false), anyAge, false},
		{"the same, as it is now", dir(1, true), dir(1, false), 0, false},
		{"the same, not to be asked for", dir(1, true), dir(1, false), asKnown, true},
		{"another one that is known as well", dir(1, false), dir(2, true), anyAge, true},
		{"another one, too old", dir(1, false), dir(2, true), freshness(9 * time.Second), false},
		{"another one, as it is now", dir(1, true), dir(2, true), 0, false},
		{"another one that was never listed", dir(1, true), dir(2, false), anyAge, false},
		{"a file", dir(1, true), file, 0, true},
		{"nothing", nil, nil, 0, true},
		{"gone", dir(1, true), nil, 0, false},
		{"it came", nil, dir(1, true), 0, false},
		{"it came, loaded", nil, dir(1, true), anyAge, true},
	} {
		before := metastore.Resolution{Mount: metastore.Mount{ID: 1}, Inode: c.before, Deepest: *dir(7, true)}
		r := metastore.Resolution{Mount: metastore.Mount{ID: 1}, Inode: c.n, Deepest: *dir(7, true)}
		if got := answers(before, r, c.max, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
