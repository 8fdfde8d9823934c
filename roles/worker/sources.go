package worker

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"syscall"
	"time"

	"goosefs/blockcache"
	"goosefs/wire/clusterpb"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

const (
	sourcesKept = 100_000          // how many files' sources are remembered
	mountKept   = 10 * time.Minute // how long an under file system that nobody reads stays open
)

// sources knows where files come from: from the masters, who are asked once for each file id, for what an id stands
// for never changes (but its name in the under file system may: see [sources.refresh]).
type sources struct {
	ctx     context.Context // of the worker: what one call asked for, others may wait for too
	masters masters
	open    OpenUFS
	share   int64 // bytes of one mount that may be fetched at once
	flights singleflight.Group

	mu struct {
		sync.Mutex
		files map[int64]*source
		ufs   map[int64]*mounted // by mount id
		epoch int                // grows when the worker changes over to another cluster
	}
}

// source is where the bytes of one file id come from.
type source struct {
	*clusterpb.FileSource
	*mounted
}

// file is one file that a call reads.
type file struct {
	info   blockcache.FileInfo
	cached *blockcache.File
	keep   bool    // what is fetched is offered to the cache
	epoch  int     // in which it was opened: later its id may mean something else
	src    *source // nil until something is missing
}

func newSources(ctx context.Context, masters masters, open OpenUFS, share int64) *sources {
	s := &sources{ctx: ctx, masters: masters, open: open, share: share}
	s.mu.files = make(map[int64]*source)
	s.mu.ufs = make(map[int64]*mounted)
	return s
}

func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mu.ufs {
		m.retire()
	}
}

func (s *source) info() blockcache.FileInfo {
	return blockcache.FileInfo{ID: s.GetFileId(), Length: s.GetLength(), BlockSize: s.GetBlockSize()}
}

// peek tells where a file comes from, if nobody need be asked.
func (s *sources) peek(id int64) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.files[id]
}

// of tells where a file comes from.
func (s *sources) of(ctx context.Context, id int64) (*source, error) {
	if src := s.peek(id); src != nil {
		return src, nil
	}
	return s.ask(ctx, id)
}

// ofFile tells where what is missing of x comes from. If the cache holds something of another shape under x's id, that
// is dropped.
func (s *sources) ofFile(ctx context.Context, x *file) (*source, error) {
	if x.src == nil {
		src, err := s.of(ctx, x.info.ID)
		if err != nil {
			return nil, err
		}
		if src.info() != x.info {
			return nil, sourceGone(src.GetPath(), fmt.Errorf("%d bytes in blocks of %d, not %d in blocks of %d",
				src.GetLength(), src.GetBlockSize(), x.info.Length, x.info.BlockSize))
		}
		x.src = src
	}
	return x.src, nil
}

// refresh asks again where a file comes from: it may have been renamed, which may give its version another name, too. It says
// whether anything is different.
func (s *sources) refresh(ctx context.Context, old *source) (src *source, different bool, err error) {
	src, err = s.ask(ctx, old.GetFileId())
	if err != nil {
		return nil, false, err
	}
	return src, src.GetName() != old.GetName() || src.GetVersion() != old.GetVersion() || src.mounted != old.mounted, nil
}

func (s *sources) ask(ctx context.Context, id int64) (*source, error) {
	epoch := s.epoch()
	flight := s.flights.DoChan(fmt.Sprint(epoch, id), func() (any, error) {
		reply, err := s.masters.Source(s.ctx, id)
		switch {
		case err != nil && s.ctx.Err() != nil:
			return nil, errStopping
		case err != nil:
			return nil, unknown(id, err)
		}
		m, err := s.mount(reply)
		if err != nil {
			return nil, sourceFailed(err)
		}
		src := &source{reply, m}
		if reply.GetPersisted() { // what is not will be complete, or persisted, one day
			s.keep(src, epoch)
		}
		return src, nil
	})
	select {
	case r := <-flight:
		src, _ := r.Val.(*source)
		return src, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// unknown is what a reader is told when the masters do not say where a file comes from. That they do not know its id
// any more means that the version is gone; that they do not answer is trouble which another worker may not have.
func unknown(id int64, err error) error {
	name := fmt.Sprint(id)
	switch errnoOf(err) {
	case syscall.ENOENT, syscall.ESTALE:
		return sourceGone("file "+name, err)
	case syscall.EINVAL, syscall.EISDIR:
		return err
	}
	return readErrorf(name, syscall.ETIMEDOUT, "cannot ask where file %s comes from: %v", name, err)
}

// mount finds the file's under file system open, or opens it.
func (s *sources) mount(reply *clusterpb.FileSource) (*mounted, error) {
	if m := s.mounted(reply); m != nil {
		return m, nil
	}
	u, _, err := s.open(reply.GetUfs(), reply.GetOptions())
	if err != nil {
		return nil, err
	}
	m := &mounted{uri: reply.GetUfs(), options: reply.GetOptions(), ufs: u, fetching: semaphore.NewWeighted(s.share)}
	m.mu.used = time.Now()
	if other := s.mounted(reply); other != nil { // somebody was quicker
		m.retire()
		return other, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	long := time.Now().Add(-mountKept)
	for id, old := range s.mu.ufs {
		if id == reply.GetMountId() || old.idle(long) {
			old.retire()
			delete(s.mu.ufs, id)
		}
	}
	if s.ctx.Err() != nil {
		m.retire()
	}
	s.mu.ufs[reply.GetMountId()] = m
	return m, nil
}

// mounted is the file's under file system if it is open, with the options that the mount has now.
func (s *sources) mounted(reply *clusterpb.FileSource) *mounted {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mu.ufs[reply.GetMountId()]
	if m == nil || m.uri != reply.GetUfs() || !maps.Equal(m.options, reply.GetOptions()) {
		return nil
	}
	return m
}

func (s *sources) keep(src *source, epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.epoch != epoch {
		return
	}
	if len(s.mu.files) >= sourcesKept {
		for id := range s.mu.files { // any will do: asking again is cheap
			delete(s.mu.files, id)
			if len(s.mu.files) < sourcesKept*9/10 {
				break
			}
		}
	}
	s.mu.files[src.GetFileId()] = src
}

// forget drops what is remembered of files.
func (s *sources) forget(files []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range files {
		delete(s.mu.files, id)
	}
}

// forgetAll drops all that is remembered, because ids have another meaning now.
func (s *sources) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.epoch++
	clear(s.mu.files)
	for id, m := range s.mu.ufs {
		m.retire()
		delete(s.mu.ufs, id)
	}
}

// epoch is which cluster's ids are meant, by number.
func (s *sources) epoch() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.epoch
}
