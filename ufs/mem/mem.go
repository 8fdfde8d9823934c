// Package mem is an under file system in memory, for tests: every ability of the
// interface, no disk, no server. Put and Delete act behind the interface's back, as
// the owner of a real source would.
package mem

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/ufs"
)

// UFS is a tree in memory. Make it with New.
type UFS struct {
	mu struct {
		sync.Mutex
		nodes   map[string]node // by clean name; "" is the base
		version uint64          // the last one given
	}
}

// node is a file or a directory. Its data is never changed in place.
type node struct {
	dir     bool
	data    []byte
	mode    fs.FileMode
	version uint64
}

var (
	_ ufs.UFS      = (*UFS)(nil)
	_ ufs.Capacity = (*UFS)(nil)
)

// New makes an empty tree.
func New() *UFS {
	u := &UFS{}
	u.mu.nodes = map[string]node{"": {dir: true, mode: 0o755}}
	return u
}

// Put makes a file, and the directories above it, or gives it a new version. It
// copies data.
func (u *UFS) Put(name string, data []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for above := ufs.Parent(name); above != ""; above = ufs.Parent(above) {
		u.mu.nodes[above] = node{dir: true, mode: 0o755}
	}
	u.putLocked(name, data, 0o644)
}

// MakeDir makes a directory, and those above it.
func (u *UFS) MakeDir(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for ; name != ""; name = ufs.Parent(name) {
		u.mu.nodes[name] = node{dir: true, mode: 0o755}
	}
}

// Delete removes a name and everything below it.
func (u *UFS) Delete(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.mu.nodes, func(key string, _ node) bool { return key == name || strings.HasPrefix(key, name+"/") })
}

func (u *UFS) putLocked(name string, data []byte, mode fs.FileMode) node {
	u.mu.version++
	n := node{data: bytes.Clone(data), mode: mode, version: u.mu.version}
	u.mu.nodes[name] = n
	return n
}

// enter checks a call's context and name, and takes the lock if both are good.
func (u *UFS) enter(ctx context.Context, op, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", ufs.Ended(op, "mem:/"+name, err)
	}
	name, err := ufs.CleanName(name)
	if err != nil {
		return "", failed(op, name, err)
	}
	u.mu.Lock()
	return name, nil
}

func failed(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: "mem:/" + name, Err: err}
}

// findLocked looks a name up, as a program would: through directories only.
func (u *UFS) findLocked(op, name string) (node, error) {
	for above := name; above != ""; {
		above = ufs.Parent(above)
		if n, ok := u.mu.nodes[above]; ok && !n.dir {
			return node{}, failed(op, name, syscall.ENOTDIR)
		}
	}
	n, ok := u.mu.nodes[name]
	if !ok {
		return node{}, failed(op, name, syscall.ENOENT)
	}
	return n, nil
}

func describe(name string, n node) ufs.Info {
	info := ufs.Info{Name: ufs.Base(name), Dir: n.dir, Mode: n.mode, Owner: "mem", Group: "mem"}
	if !n.dir {
		info.Size, info.Version = int64(len(n.data)), versionOf(n)
		info.ModTime = time.Unix(1_600_000_000+int64(n.version), 0).UTC()
	}
	return info
}

func versionOf(n node) ufs.Version { return ufs.Version("m" + strconv.FormatUint(n.version, 10)) }

// Stat implements ufs.UFS.
func (u *UFS) Stat(ctx context.Context, name string) (ufs.Info, error) {
	name, err := u.enter(ctx, "stat", name)
	if err != nil {
		return ufs.Info{}, err
	}
	defer u.mu.Unlock()
	n, err := u.findLocked("stat", name)
	if err != nil {
		return ufs.Info{}, err
	}
	return describe(name, n), nil
}

// List implements ufs.UFS, in the order of names.
func (u *UFS) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		infos, err := u.children(ctx, name)
		if err != nil {
			yield(ufs.Info{}, err)
			return
		}
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (u *UFS) children(ctx context.Context, name string) (infos []ufs.Info, err error) {
	name, err = u.enter(ctx, "list", name)
	if err != nil {
		return nil, err
	}
	defer u.mu.Unlock()
	n, err := u.findLocked("list", name)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, failed("list", name, syscall.ENOTDIR)
	}
	for _, key := range slices.Sorted(maps.Keys(u.mu.nodes)) {
		if key != "" && ufs.Parent(key) == name && !ufs.IsStaged(ufs.Base(key)) {
			infos = append(infos, describe(key, u.mu.nodes[key]))
		}
	}
	return infos, nil
}

// Open implements ufs.UFS.
func (u *UFS) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	const op = "open"
	name, err := u.enter(ctx, op, name)
	if err != nil {
		return nil, err
	}
	defer u.mu.Unlock()
	found, err := u.findLocked(op, name)
	switch {
	case err != nil:
		return nil, err
	case found.dir:
		return nil, failed(op, name, syscall.EISDIR)
	case v == "":
		return nil, failed(op, name, syscall.EINVAL)
	case v != versionOf(found):
		return nil, failed(op, name, syscall.ESTALE)
	}
	if err := ufs.CheckRange(int64(len(found.data)), off, n); err != nil {
		return nil, failed(op, name, err)
	}
	body := &body{ctx: ctx, name: name, Reader: bytes.NewReader(found.data[off : off+n])}
	return &ufs.Exact{Op: "read", Path: "mem:/" + name, Body: body, Length: n, Whole: true}, nil
}

// body is a part of a file that stops with its context.
type body struct {
	*bytes.Reader
	ctx  context.Context
	name string
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, ufs.Ended("read", "mem:/"+b.name, err)
	}
	return b.Reader.Read(p)
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

// Capacity is 1 GiB, of which the files' bytes are used.
func (u *UFS) Capacity(context.Context) (total, used int64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.mu.nodes {
		used += int64(len(n.data))
	}
	return 1 << 30, used, nil
}
