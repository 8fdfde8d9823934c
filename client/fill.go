package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"goosefs/wire/clusterpb"
)

// A reader in order who has taken so much of a file makes it likely that all of it will be read, by him or by the next.
const (
	fillAfter = 8 << 20 // bytes in a row
	fillPart  = 4       // or this part of the file, if that is less
)

// refused notes who would hand the file out if all of it were cached there, and gives the reason in full.
func (x *File) refused(err error) error {
	var r *refusal
	if !errors.As(err, &r) || !r.partial {
		return err
	}
	switch n := x.blocksAt(r.worker); n {
	case len(x.info.Blocks):
	case 0:
		return fmt.Errorf("it belongs to a worker on another host: %w", err)
	default:
		return fmt.Errorf("it is spread over several workers, %d of its %d blocks belong to the one on this host: %w", n, len(x.info.Blocks), err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mu.partial == nil { // who holds most was asked first, and may have but to verify it
		x.mu.partial = r
	}
	return err
}

// blocksAt is how many blocks are such that the worker holds something of, or should.
func (x *File) blocksAt(worker int64) (n int) {
	for _, b := range x.info.Blocks {
		if slices.ContainsFunc(b.Locations, func(l Location) bool { return l.WorkerID == worker }) {
			n++
		}
	}
	return n
}

// wantsRestLocked decides, when a file is closed, whether a worker on this host should fetch what is missing of it, so
// that the next open is direct: if it would have been direct but for that, and enough was read in order. The worker
// does so in its own time, and only if its cache has room.
func (x *File) wantsRestLocked() (from *refusal, wanted bool) {
	cfg := x.fs.cfg
	if x.mu.partial == nil || !x.kept() || cfg.NoFill {
		return nil, false
	}
	return x.mu.partial, x.mu.most >= min(fillAfter, x.info.Length/fillPart)
}

// askForRest asks for it. A worker that does not answer is asked for nothing more: it was a favour.
func (x *File) askForRest(ctx context.Context, from *refusal) {
	req := &clusterpb.HandoutRequest{FileId: x.info.ID, Fill: true}
	_, f, err := x.fs.sockets.question(ctx, x.fs, from.socket, directFor, req)
	if f != nil {
		f.Close() // from a worker that does not know the question
	}
	if err != nil {
		x.fs.cfg.Log.Debug("the rest is not fetched", "path", x.info.Path, "err", err)
	}
}
