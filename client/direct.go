package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

const (
	directFor   = 500 * time.Millisecond // how long a worker on this host may take to answer
	directPause = 2 * time.Second        // before a socket that could not be reached is tried again
)

// Direct gives a descriptor of the whole file, if a worker on this host holds it: its bytes are those of this version,
// and stay, whatever becomes of the cache and the worker, until the descriptor and all its copies are closed. The caller
// closes it. The error says why there is none; reading goes on through [File.ReadAt] then.
func (x *File) Direct(ctx context.Context) (*os.File, error) {
	var last error
	asked := make(map[string]bool)
	for _, block := range x.info.Blocks {
		for _, at := range block.Locations {
			if at.Socket == "" || asked[at.Socket] { // whether it holds any of it may have changed since it was told
				continue
			}
			asked[at.Socket] = true
			f, err := x.fs.sockets.ask(ctx, x.fs, at.Socket, x.info)
			if err == nil {
				return f, nil
			}
			last = err
		}
		break // a worker that holds the whole file holds its first block
	}
	if last == nil {
		last = errors.New("no worker on this host is known to hold it")
	}
	return nil, &fs.PathError{Op: "open directly", Path: x.info.Path, Err: last}
}

// sockets keeps a connection to each worker of this host.
type sockets struct {
	mu struct {
		sync.Mutex
		conns  map[string]*socket
		closed bool
	}
}

// socket is one of them. Its lock is held while a question is asked.
type socket struct {
	path string
	mu   struct {
		sync.Mutex
		conn   *net.UnixConn
		failed time.Time // when it could not be reached
		err    error
	}
}

func newSockets() *sockets {
	s := &sockets{}
	s.mu.conns = make(map[string]*socket)
	return s
}

func (s *sockets) close() {
	s.mu.Lock()
	s.mu.closed = true
	list := s.mu.conns
	s.mu.conns = make(map[string]*socket)
	s.mu.Unlock()
	for _, one := range list {
		one.mu.Lock()
		one.drop(fs.ErrClosed)
		one.mu.Unlock()
	}
}

// at is the socket of a path.
func (s *sockets) at(path string) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.mu.conns[path]
	if one == nil {
		one = &socket{path: path}
		if s.mu.closed {
			one.mu.failed, one.mu.err = time.Now(), fs.ErrClosed
		} else {
			s.mu.conns[path] = one
		}
	}
	return one
}

// ask asks the worker at a socket for a descriptor.
func (s *sockets) ask(ctx context.Context, f *FS, path string, info Info) (*os.File, error) {
	cluster, err := f.clusterID(ctx)
	if err != nil {
		return nil, err
	}
	file, err := s.at(path).ask(ctx, &clusterpb.HandoutRequest{ClusterId: cluster, FileId: info.ID})
	if err == errForeign {
		f.forgetClusterID(cluster)
	}
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err == nil && (!st.Mode().IsRegular() || st.Size() != info.Length) {
		err = fmt.Errorf("the worker's file has %d bytes, and not %d: %w", st.Size(), info.Length, syscall.EIO)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (s *socket) ask(ctx context.Context, req *clusterpb.HandoutRequest) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	until := time.Now().Add(directFor)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	s.mu.conn.SetDeadline(until)
	err := wire.SendPacket(s.mu.conn, req, nil)
	var reply clusterpb.HandoutReply
	var file *os.File
	if err == nil {
		file, err = wire.ReceivePacket(s.mu.conn, &reply)
	}
	switch {
	case err != nil: // a late answer must not be taken for that to the next question
		s.drop(err)
		return nil, fmt.Errorf("the worker at %s: %w", s.path, err)
	case reply.GetForeign():
		return nil, errForeign
	case !reply.GetHere() && file == nil:
		return nil, errors.New(reply.GetRefused())
	case !reply.GetHere() || file == nil:
		s.drop(syscall.EPROTO)
		if file != nil {
			file.Close()
		}
		return nil, fmt.Errorf("the worker at %s: %w", s.path, syscall.EPROTO)
	}
	return file, nil
}

// connect connects, if need be, and not too soon after it failed.
func (s *socket) connect() error {
	if s.mu.conn != nil {
		return nil
	}
	if s.mu.err != nil && time.Since(s.mu.failed) < directPause {
		return s.mu.err
	}
	conn, err := wire.DialHandouts(s.path)
	if err != nil {
		s.mu.failed, s.mu.err = time.Now(), err
		return err
	}
	s.mu.conn, s.mu.err = conn, nil
	return nil
}

// drop ends the connection. The next question makes another.
func (s *socket) drop(why error) {
	if s.mu.conn != nil {
		s.mu.conn.Close()
		s.mu.conn = nil
	}
	if errors.Is(why, fs.ErrClosed) {
		s.mu.failed, s.mu.err = time.Now().Add(time.Hour), why
	}
}

// errForeign says that worker and client are not of the same cluster.
var errForeign = errors.New("the worker on this host is of another cluster")

// forgetClusterID has the masters asked again: they may have been formatted.
func (f *FS) forgetClusterID(id string) {
	f.cluster.Lock()
	defer f.cluster.Unlock()
	if f.cluster.id == id {
		f.cluster.id = ""
	}
}

// clusterID is the cluster that file ids are of: asked of a master once.
func (f *FS) clusterID(ctx context.Context) (string, error) {
	f.cluster.Lock()
	defer f.cluster.Unlock()
	if f.cluster.id == "" {
		c, err := f.Cluster(ctx)
		if err != nil {
			return "", err
		}
		f.cluster.id = c.ID
	}
	return f.cluster.id, nil
}
