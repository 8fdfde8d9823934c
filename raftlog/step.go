package raftlog

import (
	"context"
	"errors"
	"io"
	"os"
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

// checkMessage refuses what no member sends: a confused peer, one that has our address by mistake, or one that was
// removed. A sender that is not known may be a member of whom this one, being behind, has not heard yet.
func (l *Log) checkMessage(m *raftpb.Message) error {
	switch {
	case m.GetTo() != l.cfg.ID:
		return because(syscall.EINVAL, "a message for member %d came to member %d", m.GetTo(), l.cfg.ID)
	case m.GetFrom() == l.cfg.ID || m.GetFrom() == raft.None:
		return because(syscall.EINVAL, "a message came from %d, which is no other member", m.GetFrom())
	case l.Removed(m.GetFrom()):
		return ErrRemoved
	case raft.IsLocalMsg(m.GetType()), m.GetType() == raftpb.MsgProp:
		return because(syscall.EINVAL, "a message of type %s came from another member", m.GetType())
	}
	return nil
}

// Members are those who keep the log, as far as this member has applied it.
func (l *Log) Members() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.membership.present()
}

// Removed says whether a member was removed, as far as this one has applied the log.
func (l *Log) Removed(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.membership.removed(id)
}

// ReportUnreachable tells that messages to a member got lost. It never blocks, so Transport.Send may call it.
func (l *Log) ReportUnreachable(id uint64) {
	l.post(func(r *replica) { r.node.ReportUnreachable(id) })
}

// install is a received image being handed to raft.
type install struct {
	message *raftpb.Message
	image   receivedImage
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
	received, err := l.receiveImage(ctx, image)
	if err != nil {
		return err
	}
	defer os.Remove(received.path)
	if !received.membership.agrees(m.GetSnapshot().GetMetadata().GetConfState()) {
		return because(syscall.EINVAL, "the image has other members than its message")
	}
	in := &install{message: m, image: received, done: make(chan error, 1)}
	l.post(func(r *replica) { r.handOver(in) })
	select { // not ctx: the file is in use
	case err := <-in.done:
		return err
	case <-l.done:
		return ErrClosed
	}
}

// receivedImage is an image in a file, and who the members are as of it.
type receivedImage struct {
	path       string
	membership membership
}

// receiveImage writes the image to a file of its own. It needs no sync: what a crash leaves is removed.
func (l *Log) receiveImage(ctx context.Context, image io.Reader) (in receivedImage, err error) {
	select {
	case <-l.stop:
		return in, ErrClosed
	default:
	}
	if l.full.Load() {
		return in, ErrFull
	}
	f, err := os.CreateTemp(l.cfg.Dir, imagePattern)
	if err != nil {
		return in, err
	}
	in.path = f.Name()
	in.membership, err = readImage(f, &contextReader{ctx, image})
	if err = errors.Join(err, f.Close()); err != nil {
		return in, errors.Join(fault("receive image", f.Name(), err), os.Remove(f.Name()))
	}
	return in, nil
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

// installed is told by the journal goroutine when the state machine has an image, after which there may be no entry.
func (r *replica) installed(index uint64, m membership) {
	r.applied = index
	r.setMembership(m)
	r.reads.release(index)
}
