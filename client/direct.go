package client

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	if x.fs.cfg.NoShortCircuit {
		return nil, &fs.PathError{Op: "open directly", Path: x.info.Path, Err: errors.New("goosefs.user.short.circuit.enabled is false")}
	}
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
			last = x.refused(err)
		}
		break // a worker that holds the whole file holds its first block
	}
	if last == nil {
		last = errors.New("no worker on this host is known to hold it")
	}
	return nil, &fs.PathError{Op: "open directly", Path: x.info.Path, Err: last}
}

// Directly says whether a worker on this host holds all of the file that info describes, so that programs here read it
// from the disk: nil, or why not.
func (f *FS) Directly(ctx context.Context, info Info) error {
	x := f.OpenInfo(info)
	defer x.Close()
	file, err := x.Direct(ctx)
	if err == nil {
		err = file.Close()
	}
	return err
}

// sockets keeps connections to each worker of this host.
type sockets struct {
	mu struct {
		sync.Mutex
		at     map[string]*socket
		closed bool
	}
}

// socketConns is how many questions one worker is asked at a time: each takes a connection of its own.
const socketConns = 8

// socket is a worker's.
type socket struct {
	path  string
	turns chan struct{} // holds one for each connection that is in use
	mu    struct {
		sync.Mutex
		idle   []*net.UnixConn
		failed time.Time // when it could not be reached
		err    error
	}
}

func newSockets() *sockets {
	s := &sockets{}
	s.mu.at = make(map[string]*socket)
	return s
}

func (s *sockets) close() {
	s.mu.Lock()
	s.mu.closed = true
	list := s.mu.at
	s.mu.at = make(map[string]*socket)
	s.mu.Unlock()
	for _, one := range list {
		one.close()
	}
}

// of is the socket of a path.
func (s *sockets) of(path string) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.mu.at[path]
	if one == nil {
		one = &socket{path: path, turns: make(chan struct{}, socketConns)}
		if s.mu.closed {
			one.close()
		} else {
			s.mu.at[path] = one
		}
	}
	return one
}

// ask asks the worker at a socket for a descriptor.
func (s *sockets) ask(ctx context.Context, f *FS, path string, info Info) (*os.File, error) {
	reply, file, err := s.question(ctx, f, path, directFor, &clusterpb.HandoutRequest{FileId: info.ID})
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return nil, &refusal{reply.GetRefused(), path, reply.GetWorkerId(), reply.GetPartial() || reply.GetLater()}
	}
	if err := checkSize(file, info); err != nil {
		return nil, err
	}
	return file, nil
}

// checkSize closes a file that is not what it should be.
func checkSize(file *os.File, info Info) error {
	st, err := file.Stat()
	if err == nil && (!st.Mode().IsRegular() || st.Size() != info.Length) {
		err = fmt.Errorf("the worker's file has %d bytes, and not %d: %w", st.Size(), info.Length, syscall.EIO)
	}
	if err != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

// question asks the worker at a socket, in the name of the cluster. There is a file if and only if the reply says so.
func (s *sockets) question(ctx context.Context, f *FS, path string, within time.Duration, req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File, error) {
	cluster, err := f.clusterID(ctx)
	if err != nil {
		return nil, nil, err
	}
	req.ClusterId = cluster
	reply, file, err := s.of(path).ask(ctx, within, req)
	if err == nil && reply.GetForeign() {
		f.forgetClusterID(cluster)
		err = errForeign
	}
	return reply, file, err
}

// ask asks on a connection that is idle or, if there is none or the worker closed it meanwhile, on a new one.
func (s *socket) ask(ctx context.Context, within time.Duration, req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	until := time.Now().Add(within)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	for {
		conn, idle, err := s.connect()
		if err != nil {
			return nil, nil, err
		}
		conn.SetDeadline(until)
		reply, file, err := exchange(conn, req)
		if err == nil {
			s.keep(conn)
			return reply, file, nil
		}
		conn.Close() // a late answer must not be taken for that to the next question
		closed := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
		switch {
		case closed && idle:
			s.dropIdle() // it closed the others, too
		case closed:
			return nil, nil, fmt.Errorf("the worker at %s closed the connection; it lets in root and its own user: %w", s.path, syscall.ECONNRESET)
		default:
			return nil, nil, fmt.Errorf("the worker at %s: %w", s.path, err)
		}
	}
}

// exchange sends a question and receives the answer. There is a file if and only if the reply says so.
func exchange(conn *net.UnixConn, req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File, error) {
	var reply clusterpb.HandoutReply
	if err := wire.SendPacket(conn, req, nil); err != nil {
		return nil, nil, err
	}
	file, err := wire.ReceivePacket(conn, &reply)
	if err == nil && (file != nil) != reply.GetHere() {
		err = syscall.EPROTO
	}
	if err != nil && file != nil {
		file.Close()
		file = nil
	}
	return &reply, file, err
}

// keep puts a connection by.
func (s *socket) keep(conn *net.UnixConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.mu.err, fs.ErrClosed) {
		conn.Close()
		return
	}
	s.mu.idle = append(s.mu.idle, conn)
}

// connect takes an idle connection or makes one, if that has not failed too lately.
func (s *socket) connect() (conn *net.UnixConn, idle bool, err error) {
	s.mu.Lock()
	if n := len(s.mu.idle); n > 0 {
		defer s.mu.Unlock()
		conn = s.mu.idle[n-1]
		s.mu.idle = s.mu.idle[:n-1]
		return conn, true, nil
	}
	err, failed := s.mu.err, s.mu.failed
	s.mu.Unlock()
	if err != nil && time.Since(failed) < directPause {
		return nil, false, err
	}
	conn, err = wire.DialHandouts(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no worker on this host hands it out: there is no %s: %w", s.path, syscall.ENOENT)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(s.mu.err, fs.ErrClosed) {
		s.mu.failed, s.mu.err = time.Now(), err
	} else if err == nil {
		conn.Close()
		err = fs.ErrClosed
	}
	return conn, false, err
}

func (s *socket) dropIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropIdleLocked()
}

func (s *socket) dropIdleLocked() {
	for _, conn := range s.mu.idle {
		conn.Close()
	}
	s.mu.idle = nil
}

// close ends the connections: those in use end with their questions.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropIdleLocked()
	s.mu.failed, s.mu.err = time.Now().Add(time.Hour), fs.ErrClosed
}

// refusal is a worker's answer that there is no descriptor.
type refusal struct {
	text    string
	socket  string
	worker  int64
	partial bool // for it does not hold all of the file, or does not know yet if what it holds is right
}

func (r *refusal) Error() string { return r.text }

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
