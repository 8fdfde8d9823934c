package master

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
)

// blockFate is what has become of a block that is nowhere but in the cache.
type blockFate int

const (
	held blockFate = iota // by a worker that lives
	away                  // somebody may come back with it, or has yet to tell this master that he has it
	lost
)

// lostWorker says of a worker that reports no more that it is not merely being started again.
func (r *registry) lostWorker(w *worker, now time.Time) bool {
	return w.session == nil && now.Sub(w.seen) > r.timeout
}

// fateLocked decides about a block. What is known is soft: a worker that comes back with it changes it.
func (r *registry) fateLocked(block int64, now time.Time) blockFate {
	holders := r.mu.places[fileOf(block)][block]
	if len(holders) == 0 {
		return r.unseenLocked(now)
	}
	what := lost
	for _, h := range holders {
		w := r.mu.workers[h.worker]
		if w.session != nil {
			return held
		}
		if !r.lostWorker(w, now) {
			what = away
		}
	}
	return what
}

// unseenLocked is the fate of a block that no worker ever told of, or that whoever had it has no more.
func (r *registry) unseenLocked(now time.Time) blockFate {
	if now.Sub(r.since) <= r.timeout {
		return away // who has it may not know yet that this master is there
	}
	for _, w := range r.mu.workers {
		if w.session == nil && !r.lostWorker(w, now) || w.session != nil && !w.whole {
			return away
		}
	}
	return lost
}

// lostBlock finds the first block of a file of which nothing is left, by its index, and says whether there is one: a file's bytes
// are lost only if it has any, is complete and only cached.
func (r *registry) lostBlock(n *metastore.Inode, now time.Time) (index int64, found bool) {
	if n.Dir || n.Symlink != "" || !n.Completed || persisted(*n) || n.BlockSize <= 0 || n.Length <= 0 {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last, places := (n.Length-1)/n.BlockSize, r.mu.places[n.ID]
	index = last + 1
	for block := range places {
		if i := block & blockMask; i < index && r.fateLocked(block, now) == lost {
			index = i
		}
	}
	if r.unseenLocked(now) == lost { // a length may be absurd: this ends at the first block that nobody told of
		unseen := int64(0)
		for unseen < index && len(places[n.ID&^blockMask|unseen]) > 0 {
			unseen++
		}
		index = unseen
	}
	return index, index <= last
}

// whereabouts tells who holds a block, or did.
func (r *registry) whereabouts(block int64, now time.Time) *clusterpb.BlockWhereabouts {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := &clusterpb.BlockWhereabouts{Lost: r.fateLocked(block, now) == lost}
	for _, h := range r.mu.places[fileOf(block)][block] {
		w := r.mu.workers[h.worker]
		found.Holders = append(found.Holders, &clusterpb.BlockHolder{
			WorkerId: w.id, Host: w.host, RpcPort: int32(w.port), Live: w.session != nil, Bytes: h.bytes, LastContactMs: now.Sub(w.seen).Milliseconds(),
		})
	}
	slices.SortStableFunc(found.Holders, func(a, b *clusterpb.BlockHolder) int {
		if a.GetLive() != b.GetLive() && a.GetLive() {
			return -1
		}
		if a.GetLive() != b.GetLive() {
			return 1
		}
		return cmp.Compare(b.GetBytes(), a.GetBytes())
	})
	return found
}

// Whereabouts tells a worker that was asked for a block which it has not got who has it.
func (s *workersService) Whereabouts(_ context.Context, req *clusterpb.WhereaboutsRequest) (*clusterpb.BlockWhereabouts, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if req.GetBlockId() <= 0 {
		return nil, pathErr("whereabouts", fmt.Sprint("block ", req.GetBlockId()), syscall.EINVAL)
	}
	return s.registry.whereabouts(req.GetBlockId(), s.now()), nil
}
