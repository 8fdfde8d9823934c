package raftlog

import (
	"errors"
	"io"
	"syscall"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// sendImage brings a follower up that needs entries which are deleted. raft's message names the last mark; what is
// sent is the state of this moment, which is newer.
func (r *replica) sendImage(m *raftpb.Message) {
	to := m.GetTo()
	if r.sending[to] {
		return // the one under way will be reported, and raft goes on from there
	}
	r.sending[to] = true
	l := r.log
	l.transfers.Go(func() {
		index, err := l.transferImage(m)
		status := raft.SnapshotFinish
		if err != nil {
			status = raft.SnapshotFailure
			l.cfg.Log.Warn("image not sent", "to", to, "index", index, "error", err)
		} else {
			l.cfg.Log.Info("image sent", "to", to, "index", index)
		}
		l.post(func(r *replica) {
			delete(r.sending, to)
			r.node.ReportSnapshot(to, status)
		})
	})
}

// transferImage takes an image and sends it in the place of the one that m names.
func (l *Log) transferImage(m *raftpb.Message) (index uint64, err error) {
	image, err := l.takeImage()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, image.close()) }()
	metadata := &raftpb.SnapshotMetadata{
		Index: new(image.index), Term: new(image.term),
		ConfState: image.membership.conf(),
	}
	if image.index < m.GetSnapshot().GetMetadata().GetIndex() {
		return image.index, because(syscall.EAGAIN, "the state machine is behind the mark")
	}
	out := proto.CloneOf(m)
	out.Snapshot = &raftpb.Snapshot{Metadata: metadata}

	reader, writer := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		writer.CloseWithError(writeImage(writer, image.membership, image, l.cfg.ImageBytesPerSecond)) // nil: EOF
	}()
	err = l.cfg.Transport.SendSnapshot(l.background, out, reader)
	reader.CloseWithError(io.ErrClosedPipe)
	<-written // the image is in use until here
	return image.index, err
}

// takeImage asks the apply goroutine, which is between two batches then.
func (l *Log) takeImage() (takenImage, error) {
	taken := make(chan takenImage, 1)
	l.tasks.put(task{image: taken})
	select {
	case image := <-taken:
		return image, image.err
	case <-l.applierDone:
	}
	select {
	case image := <-taken: // nobody will send it, but it has to be closed
		return image, image.err
	default:
		return takenImage{}, ErrClosed
	}
}
