package raftlog

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Step takes a message that the transport received. It waits if messages come faster than they are handled.
// The log keeps m. An error says that the message is not for this member of this cluster.
func (l *Log) Step(ctx context.Context, m *raftpb.Message) error {
	if err := l.checkMessage(m); err != nil {
		return err
	}
	if m.GetType() == raftpb.MsgSnap {
		return because(syscall.EINVAL, "a snapshot without its image")
	}
	select {
	case l.received <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return ErrClosed
	}
}

// checkMessage refuses what no member sends: a confused peer, or one that has our address by mistake.
func (l *Log) checkMessage(m *raftpb.Message) error {
	switch {
	case m.GetTo() != l.cfg.ID:
		return because(syscall.EINVAL, "a message for member %d came to member %d", m.GetTo(), l.cfg.ID)
	case m.GetFrom() == l.cfg.ID || !slices.ContainsFunc(l.members, func(p Member) bool { return p.ID == m.GetFrom() }):
		return because(syscall.EINVAL, "a message came from %d, which is no other member", m.GetFrom())
	case raft.IsLocalMsg(m.GetType()), m.GetType() == raftpb.MsgProp:
		return because(syscall.EINVAL, "a message of type %s came from another member", m.GetType())
	}
	return nil
}

// ReportUnreachable tells that messages to a member got lost. It never blocks, so Transport.Send may call it.
func (l *Log) ReportUnreachable(id uint64) {
	l.post(func(r *replica) { r.node.ReportUnreachable(id) })
}

// install is a received image being handed to raft.
type install struct {
	message *raftpb.Message
	path    string
	done    chan error // one place
}

// InstallSnapshot takes a snapshot message and its image, as SendSnapshot got them. It returns nil when the
// image is installed or no longer needed. Until image is read to its end nothing has happened, and an image
// that was cut short or changed on the way never happens.
func (l *Log) InstallSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	if err := l.checkMessage(m); err != nil {
		return err
	}
	if m.GetType() != raftpb.MsgSnap || raft.IsEmptySnap(m.GetSnapshot()) {
		return because(syscall.EINVAL, "a message of type %s came with an image", m.GetType())
	}
	path, err := l.receiveImage(ctx, image)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	in := &install{message: m, path: path, done: make(chan error, 1)}
	l.post(func(r *replica) { r.handOver(in) })
	select { // not ctx: the file is in use
	case err := <-in.done:
		return err
	case <-l.done:
		return ErrClosed
	}
}

// receiveImage writes the image to a file of its own. It needs no sync: what a crash leaves is removed.
func (l *Log) receiveImage(ctx context.Context, image io.Reader) (path string, err error) {
	select {
	case <-l.stop:
		return "", ErrClosed
	default:
	}
	f, err := os.CreateTemp(l.cfg.Dir, imagePattern)
	if err != nil {
		return "", err
	}
	err = errors.Join(readImage(f, &contextReader{ctx, image}), f.Close())
	if err != nil {
		return "", errors.Join(fault("receive image", f.Name(), err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// contextReader fails once ctx has ended, between two reads.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// handOver gives raft the message. If raft accepts it, dispatch takes r.install along to the journal goroutine,
// which answers; otherwise the image is of no use here.
func (r *replica) handOver(in *install) {
	r.handleReady()
	r.install = in
	r.step(in.message)
	r.handleReady()
	if r.install != nil {
		r.install = nil
		in.done <- nil
	}
}
