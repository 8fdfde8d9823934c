package fuse

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/client"
)

// memTree is a Tree in memory. It counts calls, holds them up, fails them and pushes invalidations as told.
type memTree struct {
	mu      sync.Mutex
	infos   map[string]client.Info
	data    map[int64][]byte
	nextID  int64
	calls   map[string]int           // by operation
	fails   map[string]error         // by "operation path"
	held    map[string]chan struct{} // by "operation path": calls wait until it is closed
	entered chan string              // if set, receives "operation path" of held calls
	workers []client.Worker
	changed func(paths []string, lost bool)
	began   chan struct{} // closed when Watch was called
	silent  bool          // Watch never says that the stream lives
}

func newMemTree() *memTree {
	t := &memTree{
		infos:  make(map[string]client.Info),
		data:   make(map[int64][]byte),
		nextID: 1 << 24,
		calls:  make(map[string]int),
		fails:  make(map[string]error),
		held:   make(map[string]chan struct{}),
		began:  make(chan struct{}),
	}
	t.mkdir("/")
	return t
}

var somewhen = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)

func (t *memTree) mkdir(at string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := at; ; p = path.Dir(p) {
		if _, ok := t.infos[p]; !ok {
			t.nextID++
			t.infos[p] = client.Info{Path: p, Name: path.Base(p), ID: t.nextID, Dir: true, Mode: 0o755, Modified: somewhen}
		}
		if p == "/" {
			return
		}
	}
}

// put makes a file or a new version of it, and returns its id.
func (t *memTree) put(at string, data []byte) int64 {
	t.mkdir(path.Dir(at))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextID += 1 << 24
	t.infos[at] = client.Info{
		Path: at, Name: path.Base(at), ID: t.nextID, Length: int64(len(data)), BlockSize: 64 << 20,
		Mode: 0o644, Modified: somewhen, Completed: true, UFSPath: "http://source" + at, Percent: 50,
		Blocks: []client.Block{{ID: t.nextID &^ (1<<24 - 1), Length: int64(len(data)), Locations: []client.Location{{Host: "w1", Tier: "HDD"}, {Host: "w2"}}}},
	}
	t.data[t.nextID] = data
	return t.nextID
}

// link makes a symbolic link.
func (t *memTree) link(at, target string) {
	t.mkdir(path.Dir(at))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextID += 1 << 24
	t.infos[at] = client.Info{
		Path: at, Name: path.Base(at), ID: t.nextID, Length: int64(len(target)), BlockSize: 64 << 20, Symlink: target,
		Mode: 0o700, Modified: somewhen, Completed: true, Percent: 100,
	}
}

func (t *memTree) update(at string, change func(*client.Info)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info := t.infos[at]
	change(&info)
	t.infos[at] = info
}

func (t *memTree) remove(at string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.infos, func(p string, _ client.Info) bool { return p == at || strings.HasPrefix(p, at+"/") })
}

func (t *memTree) rename(from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, info := range maps.Clone(t.infos) {
		if p == from || strings.HasPrefix(p, from+"/") {
			delete(t.infos, p)
			info.Path = to + strings.TrimPrefix(p, from)
			info.Name = path.Base(info.Path)
			t.infos[info.Path] = info
		}
	}
}

// dropData makes the bytes of a version unavailable.
func (t *memTree) dropData(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.data, id)
}

func (t *memTree) fail(call string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fails[call] = err
}

// hold makes a call wait until release, or until its context ends.
func (t *memTree) hold(call string) (release func()) {
	gate := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held[call] = gate
	t.entered = make(chan string, 16)
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.held, call)
		close(gate)
	})
}

func (t *memTree) count(op string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[op]
}

// push is the masters' stream.
func (t *memTree) push(paths ...string) {
	<-t.began
	t.changed(paths, false)
}

func (t *memTree) lose() {
	<-t.began
	t.changed(nil, true)
}

func (t *memTree) call(ctx context.Context, op, at string) error {
	t.mu.Lock()
	t.calls[op]++
	key := op + " " + at
	err, gate, entered := t.fails[key], t.held[key], t.entered
	t.mu.Unlock()
	if gate != nil {
		entered <- key
		select {
		case <-gate:
		case <-ctx.Done():
			return &fs.PathError{Op: op, Path: at, Err: ctx.Err()}
		}
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: at, Err: err}
	}
	return nil
}

func (t *memTree) Stat(ctx context.Context, at string, _ client.StatOptions) (client.Info, error) {
	t.mu.Lock()
	info, ok := t.infos[at] // as of now: a held call answers with what was
	t.mu.Unlock()
	if err := t.call(ctx, "stat", at); err != nil {
		return client.Info{}, err
	}
	if !ok {
		return client.Info{}, &fs.PathError{Op: "stat", Path: at, Err: syscall.ENOENT}
	}
	return info, nil
}

func (t *memTree) List(ctx context.Context, at string, _ client.StatOptions) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) {
		t.mu.Lock()
		self, ok := t.infos[at]
		var children []client.Info
		for p, info := range t.infos {
			if p != "/" && path.Dir(p) == at {
				children = append(children, info)
			}
		}
		t.mu.Unlock()
		if err := t.call(ctx, "list", at); err != nil {
			yield(client.Info{}, err)
			return
		}
		switch {
		case !ok:
			yield(client.Info{}, &fs.PathError{Op: "list", Path: at, Err: syscall.ENOENT})
			return
		case !self.Dir:
			yield(self, nil)
			return
		}
		slices.SortFunc(children, func(a, b client.Info) int { return strings.Compare(a.Name, b.Name) })
		for i, c := range children {
			if err := t.call(ctx, "entry", fmt.Sprintf("%s %d", at, i)); err != nil {
				yield(client.Info{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (t *memTree) Workers(ctx context.Context) ([]client.Worker, error) {
	if err := t.call(ctx, "workers", ""); err != nil {
		return nil, err
	}
	return t.workers, nil
}

func (t *memTree) Watch(ctx context.Context, changed func([]string, bool)) error {
	t.changed = changed
	if !t.silent {
		changed(nil, false)
	}
	close(t.began)
	if err := t.call(ctx, "watch", ""); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (t *memTree) OpenInfo(info client.Info) File { return &memFile{t, info} }

type memFile struct {
	t    *memTree
	info client.Info
}

func (f *memFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.t.call(ctx, "read", f.info.Path); err != nil {
		return 0, err
	}
	f.t.mu.Lock()
	data, ok := f.t.data[f.info.ID]
	f.t.mu.Unlock()
	if !ok {
		return 0, &fs.PathError{Op: "read", Path: f.info.Path, Err: syscall.ESTALE}
	}
	if off >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Close() error {
	return f.t.call(context.Background(), "close", f.info.Path)
}

func (t *memTree) setMode(at string, mode uint32) {
	t.update(at, func(i *client.Info) { i.Mode = mode })
}
