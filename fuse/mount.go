package fuse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"goosefs/client"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Mounted is a mount that is being served.
type Mounted struct {
	tree     Tree
	opts     Options
	log      *slog.Logger
	root     *dirNode
	at       attachment
	notifier *notifier
	owners   *owners
	capacity capacity
	trust    trust
	stats    counters
	spoiled  spoiled
	known    catalogue
	shelf    shelf
	ahead    *prefetcher

	serving context.Context // ends when the kernel has let go of the mount
	ended   chan struct{}   // closed when all our goroutines have ended
	endErr  error           // set before ended is closed

	hidden chan struct{} // closed when Unmount took the mount point from view, with files open

	unmounting sync.Mutex // one Unmount at a time
}

// Mount shows a tree at a mount point and returns when it can be used. ctx bounds this call only; the mount lasts until
// it is unmounted, by Unmount or by others.
//
// Errors are one line that says what to do. The dead mount of a goosefs that was killed is replaced.
func Mount(ctx context.Context, tree Tree, mountpoint string, o Options) (*Mounted, error) {
	o, ignored, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(ignored) > 0 {
		o.Log.Warn("mount options without a meaning here are ignored", "options", ignored)
	}
	at, err := prepare(ctx, mountpoint, o)
	if err != nil {
		return nil, err
	}
	m := &Mounted{tree: tree, opts: o, log: o.Log, at: at, owners: newOwners(o.UID, o.GID), ended: make(chan struct{}), hidden: make(chan struct{})}
	m.capacity.tree, m.ahead = tree, newPrefetcher(tree, o.Prefetch)
	asked := m.trust.now()
	info, err := tree.Stat(ctx, o.Root, client.StatOptions{})
	if err != nil {
		return nil, err
	}
	if !info.Dir {
		return nil, &fs.PathError{Op: "mount", Path: o.Root, Err: syscall.ENOTDIR}
	}
	m.root = &dirNode{node: node{m: m}}
	m.root.learn(info, place{}, asked, time.Now())
	server, err := m.serve()
	if err != nil {
		return nil, err
	}
	m.start(server)
	m.log.Info("mounted", "path", o.Root, "at", at.point, "options", helperOptions(o))
	return m, nil
}

// prepare makes sure that the mount point can be used, after dead mounts of ours were taken away.
func prepare(ctx context.Context, mountpoint string, o Options) (attachment, error) {
	for {
		s, err := look(ctx, mountpoint, o)
		if err != nil {
			return attachment{}, err
		}
		at := attachment{point: s.point, helper: s.helper}
		if s.root {
			at.helper = ""
		}
		switch err := s.verdict(); {
		case err == nil:
			return at, nil
		case !errors.Is(err, errStale):
			return attachment{}, err
		}
		o.Log.Warn("a goosefs that died left its mount behind; it is taken away", "at", s.point)
		if err := at.detach(ctx, true); err != nil {
			return attachment{}, s.refuse(syscall.ENOTCONN, "the mount there is dead and cannot be taken away (%v); run as root: umount -l %s", err, s.point)
		}
	}
}

// serve mounts and begins to answer the kernel.
func (m *Mounted) serve() (*gofuse.Server, error) {
	fd, err := m.at.attach(m.opts)
	if err != nil {
		return nil, err
	}
	m.notifier, err = newNotifier(fd, m.log)
	if err != nil {
		m.at.detach(context.Background(), true)
		return nil, err
	}
	negative := m.opts.NegativeTimeout
	raw := served{gofusefs.NewNodeFS(m.root, &gofusefs.Options{
		NullPermissions: true,
		NegativeTimeout: &negative,
		RootStableAttr:  &gofusefs.StableAttr{Ino: rootIno},
		ServerCallbacks: m.notifier,
	}), m.notifier}
	o := &gofuse.MountOptions{
		MaxBackground: m.opts.MaxBackground,
		MaxWrite:      m.opts.MaxRead, // of reads, too
		MaxReadAhead:  max(m.opts.MaxReadAhead, 1),
		DisableXAttrs: !m.opts.XAttrs,
		Logger:        slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
		// A megabyte and its header do not fit into a pipe: every read would be tried, logged and copied.
		DisableSplice: true,
		// An inode is a version, so its pages are right for ever.
		ExplicitDataCacheControl: true,
		ExtraCapabilities:        gofuse.CAP_DIRECT_IO_ALLOW_MMAP | gofuse.CAP_READDIRPLUS_AUTO,
	}
	server, err := gofuse.NewServer(raw, "/dev/fd/"+strconv.Itoa(fd), o)
	if err != nil {
		m.at.detach(context.Background(), true)
		m.notifier.close()
		return nil, &fs.PathError{Op: "mount", Path: m.at.point, Err: fmt.Errorf("%w (%v)", syscall.EIO, err)}
	}
	return server, nil
}

// start runs the goroutines of the mount: go-fuse's, the stream of invalidations and what acts on it. All end when the
// kernel has let go.
func (m *Mounted) start(server *gofuse.Server) {
	serving, stop := context.WithCancel(context.Background())
	m.serving = serving
	var others sync.WaitGroup
	f := newForgetter(m)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve()
	}()
	settle(m.at.point)
	if m.opts.MaxReadAhead > 0 && m.at.helper == "" {
		m.raiseReadAhead()
	}
	others.Go(func() { f.run(serving) })
	others.Go(func() {
		if err := m.tree.Watch(serving, f.changed); err != nil && serving.Err() == nil {
			m.log.Warn("invalidations are not to be had", "err", err)
			f.changed(nil, true)
		}
	})
	go func() {
		<-served
		m.shelf.close()
		stop()
		m.ahead.end()
		others.Wait()
		m.notifier.close()
		m.endErr = m.aborted()
		m.log.Info("unmounted", "at", m.at.point)
		close(m.ended)
	}()
}

// settle waits until the mount answers, and makes the kernel learn by the way that we have nothing to poll: a Go
// program that opens our files would otherwise ask for it, on a thread that we may need to answer.
func settle(point string) {
	const understood = "/.go-fuse-epoll-hack" // by go-fuse, which then answers by itself
	fd, err := unix.Open(point+understood, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // not ours to read; that only costs the shortcut
	}
	defer unix.Close(fd)
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
}

// raiseReadAhead lets the kernel read ahead further than the 128 KiB that it allows by itself. Only root may.
func (m *Mounted) raiseReadAhead() {
	e, ok, err := mountAt(m.at.point)
	if err != nil || !ok {
		return
	}
	kb := strconv.Itoa(m.opts.MaxReadAhead / 1024)
	if err := os.WriteFile("/sys/class/bdi/"+e.Dev+"/read_ahead_kb", []byte(kb), 0); err != nil {
		m.log.Debug("read-ahead stays as it is", "err", err)
	}
}

// aborted says if serving ended though the mount is still there: its connection was cut.
func (m *Mounted) aborted() error {
	if e, ok, err := mountAt(m.at.point); err != nil || !ok || e.Type != Type {
		return nil
	}
	if err := unix.Statfs(m.at.point, new(unix.Statfs_t)); err == unix.ENOTCONN {
		return &fs.PathError{Op: "serve", Path: m.at.point, Err: syscall.ENOTCONN}
	}
	return nil
}

// Wait returns when the mount has ended: it was unmounted, by whomever, and the last file open on it was closed, or
// Unmount gave up waiting for that. ENOTCONN says that the kernel's connection was cut and the mount point is dead.
func (m *Mounted) Wait() error {
	select {
	case <-m.ended:
		return m.endErr
	case <-m.hidden:
		return nil
	}
}

// Ended is closed when the kernel has let go of the mount and nothing of it runs any more.
func (m *Mounted) Ended() <-chan struct{} { return m.ended }

// Unmount takes the mount away. While it is in use it waits, up to Options.UnmountWait or until ctx ends; then it takes
// the mount point from view and returns, and files that are open stay readable until they are closed or this process
// exits. Without open files it returns when all has ended.
func (m *Mounted) Unmount(ctx context.Context) error {
	m.unmounting.Lock()
	defer m.unmounting.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.opts.UnmountWait)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		select {
		case <-m.ended:
			return nil
		case <-m.hidden:
			return nil
		default:
		}
		err := m.at.detach(context.WithoutCancel(ctx), false)
		if err == nil || errors.Is(err, syscall.EINVAL) { // EINVAL: others were faster
			break
		}
		if !errors.Is(err, syscall.EBUSY) {
			return &fs.PathError{Op: "unmount", Path: m.at.point, Err: err}
		}
		select {
		case <-retry.C:
			continue
		case <-ctx.Done():
		}
		m.log.Warn("the mount is in use; it is taken from view, and ends when the last file is closed", "at", m.at.point)
		if err := m.at.detach(context.WithoutCancel(ctx), true); err != nil && !errors.Is(err, syscall.EINVAL) {
			return &fs.PathError{Op: "unmount", Path: m.at.point, Err: err}
		}
		close(m.hidden)
		return nil
	}
	select {
	case <-m.ended:
	case <-ctx.Done(): // others took it from view, and left files open
		close(m.hidden)
	}
	return nil
}

// failed counts and logs a request that failed, and gives the answer to it.
func (m *Mounted) failed(op, path string, err error) syscall.Errno {
	errno := errnoOf(err)
	switch errno {
	case syscall.ENOENT, syscall.ESTALE, syscall.EINTR:
		m.log.Debug("request failed", "op", op, "path", path, "errno", errno, "err", err)
	default:
		m.stats.failed.Add(1)
		m.log.Warn("request failed", "op", op, "path", path, "errno", errno, "err", err)
	}
	return errno
}
