package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"goosefs/blockcache"
	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"golang.org/x/sync/semaphore"
)

const (
	handoutConns = 64               // mounts and programs that are connected at once
	handoutIdle  = 10 * time.Minute // a connection on which nothing is asked is closed
)

// handouts gives programs on this host descriptors of cached files, over a unix socket, so that they, and the kernel for
// them, read from the disk. A worker whose socket cannot be made serves all the same, by streams.
type handouts struct {
	worker *Worker
	on     *net.UnixListener
	path   string
	conns  *semaphore.Weighted
}

// startHandouts begins to listen. It returns nil if there is nothing to listen at.
func (w *Worker) startHandouts() *handouts {
	path := w.options.Socket
	if path == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	h := &handouts{worker: w, path: path, conns: semaphore.NewWeighted(handoutConns)}
	if err == nil {
		h.on, err = wire.ListenHandouts(path)
	}
	if err != nil {
		w.log.Warn("no descriptors are handed out: mounts on this host read by streams", "socket", path, "err", err)
		return nil
	}
	w.wg.Go(h.serve)
	return h
}

// socket is where descriptors are handed out; empty: they are not.
func (w *Worker) socket() string {
	if w.handouts == nil {
		return ""
	}
	return w.handouts.path
}

// close ends the listener; connections end with the worker's context.
func (h *handouts) close() {
	h.on.Close()
	os.Remove(h.path)
}

func (h *handouts) serve() {
	for {
		conn, err := h.on.AcceptUnix()
		if errors.Is(err, net.ErrClosed) || h.worker.ctx.Err() != nil {
			return
		}
		if err != nil { // out of descriptors, for example
			pause(h.worker.ctx, reportPause)
			continue
		}
		if !h.admits(conn) {
			conn.Close()
			continue
		}
		h.worker.wg.Go(func() {
			defer h.conns.Release(1)
			h.answer(conn)
		})
	}
}

// admits says whether somebody who connected is let in: root or this worker's own user, and not too many at once. Others
// would read what the permissions in the namespace may not let them.
func (h *handouts) admits(conn *net.UnixConn) bool {
	uid, err := wire.Peer(conn)
	if err != nil || uid != 0 && int(uid) != os.Geteuid() {
		h.worker.log.Warn("a descriptor is refused", "uid", uid, "err", err)
		return false
	}
	return h.conns.TryAcquire(1)
}

// answer answers requests on a connection, one after the other, until it ends.
func (h *handouts) answer(conn *net.UnixConn) {
	defer context.AfterFunc(h.worker.ctx, func() { conn.Close() })()
	defer conn.Close()
	for {
		conn.SetDeadline(time.Now().Add(handoutIdle))
		var req clusterpb.HandoutRequest
		f, err := wire.ReceivePacket(conn, &req)
		if f != nil {
			f.Close() // nobody was asked for one
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && h.worker.ctx.Err() == nil {
				h.worker.log.Debug("a connection for descriptors ended", "err", err)
			}
			return
		}
		reply, f := h.handOut(&req)
		err = wire.SendPacket(conn, reply, f)
		if f != nil {
			f.Close() // the other end has its own by now
		}
		if err != nil {
			return
		}
	}
}

// handOut decides one request.
func (h *handouts) handOut(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
	w := h.worker
	if req.GetClusterId() == "" || !w.cache.InCluster(req.GetClusterId()) {
		return &clusterpb.HandoutReply{Refused: "the worker is of another cluster", Foreign: true}, nil
	}
	if req.GetLength() > 0 {
		return h.part(req)
	}
	if req.GetFill() && len(w.written.of(req.GetFileId())) == 0 {
		return &clusterpb.HandoutReply{Later: w.rests.add(req.GetFileId()), WorkerId: w.ID()}, nil
	}
	f, err := w.cache.Handout(req.GetFileId())
	if errors.Is(err, blockcache.ErrMiss) && !req.GetFill() {
		if block, whole := w.oneBlock(req.GetFileId()); whole {
			f, err = w.cache.Handout(block)
		}
	}
	if err != nil {
		return &clusterpb.HandoutReply{
			Refused: w.refusal(req.GetFileId(), err), Later: errors.Is(err, blockcache.ErrUnverified),
			Partial: errors.Is(err, blockcache.ErrPartial) || errors.Is(err, blockcache.ErrMiss), WorkerId: w.ID(),
		}, nil
	}
	w.counts.handouts.Add(1)
	return &clusterpb.HandoutReply{Here: true}, f
}

// oneBlock is the block that a client wrote and that is all of a file, if it is so.
func (w *Worker) oneBlock(file int64) (block int64, whole bool) {
	block = file &^ blockMask
	if blocks := w.written.of(file); len(blocks) != 1 || blocks[0] != block {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(w.ctx, partWait)
	defer cancel()
	src, err := w.sources.of(ctx, file)
	info, known := w.cache.Info(block)
	return block, err == nil && known && !src.GetWriting() && src.GetLength() == info.Length
}

// refusal says to a person why there is no descriptor of a file.
func (w *Worker) refusal(id int64, err error) string {
	info, known := w.cache.Info(id)
	switch {
	case errors.Is(err, blockcache.ErrPartial) && known && info.Length > 0:
		return fmt.Sprintf("the worker on this host holds %d%% of it", int(100*float64(w.cache.CachedBytes(id))/float64(info.Length)))
	case errors.Is(err, blockcache.ErrMiss):
		return "the worker on this host holds nothing of it"
	case errors.Is(err, blockcache.ErrUnverified):
		return "the worker on this host holds all of it, but has yet to verify that"
	case errors.Is(err, blockcache.ErrTooMany):
		return "the worker on this host has handed out as many files as it may"
	}
	return err.Error()
}
