package worker

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
	"goosefs/wire/clusterpb"

	"golang.org/x/sync/singleflight"
)

// sourcesKept bounds how many files' sources are remembered.
const sourcesKept = 100_000

// sources knows where files come from: from the masters, who are asked once for each file id, for what an id stands
// for never changes (but its name in the under file system may: see [sources.refresh]).
type sources struct {
	masters *client.FS
	flights singleflight.Group

	mu struct {
		sync.Mutex
		files map[int64]*source
		ufs   map[int64]*mounted // by mount id
	}
}

// source is where the bytes of one file id come from.
type source struct {
	*clusterpb.FileSource
	ufs ufs.UFS
}

// mounted is an open under file system, for as long as its mount stays as it is.
type mounted struct {
	uri     string
	options map[string]string
	ufs     ufs.UFS
}

func newSources(masters *client.FS) *sources {
	s := &sources{masters: masters}
	s.mu.files = make(map[int64]*source)
	s.mu.ufs = make(map[int64]*mounted)
	return s
}

func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mu.ufs {
		m.close()
	}
}

func (m *mounted) close() {
	if c, ok := m.ufs.(interface{ Close() error }); ok {
		c.Close()
	}
}

func (s *source) info() blockcache.FileInfo {
	return blockcache.FileInfo{ID: s.GetFileId(), Length: s.GetLength(), BlockSize: s.GetBlockSize()}
}

// of tells where a file comes from.
func (s *sources) of(ctx context.Context, file int64) (*source, error) {
	s.mu.Lock()
	src := s.mu.files[file]
	s.mu.Unlock()
	if src != nil {
		return src, nil
	}
	return s.ask(ctx, file)
}

// refresh asks again where a file comes from: it may have been renamed. It says whether anything is different.
func (s *sources) refresh(ctx context.Context, old *source) (src *source, different bool, err error) {
	src, err = s.ask(ctx, old.GetFileId())
	if err != nil {
		return nil, false, err
	}
	return src, src.GetName() != old.GetName() || src.ufs != old.ufs, nil
}

func (s *sources) ask(ctx context.Context, file int64) (*source, error) {
	flight := s.flights.DoChan(fmt.Sprint(file), func() (any, error) {
		reply, err := s.masters.Source(context.WithoutCancel(ctx), file)
		if err != nil {
			return nil, err
		}
		return s.keep(reply)
	})
	select {
	case r := <-flight:
		src, _ := r.Val.(*source)
		return src, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *sources) keep(reply *clusterpb.FileSource) (*source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mu.ufs[reply.GetMountId()]
	if m == nil || m.uri != reply.GetUfs() || !maps.Equal(m.options, reply.GetOptions()) {
		u, _, err := scheme.Open(reply.GetUfs(), reply.GetOptions())
		if err != nil {
			return nil, err
		}
		if m != nil {
			m.close()
		}
		m = &mounted{uri: reply.GetUfs(), options: reply.GetOptions(), ufs: u}
		s.mu.ufs[reply.GetMountId()] = m
	}
	if len(s.mu.files) >= sourcesKept {
		for id := range s.mu.files { // any will do: asking again is cheap
			delete(s.mu.files, id)
			if len(s.mu.files) < sourcesKept*9/10 {
				break
			}
		}
	}
	src := &source{FileSource: reply, ufs: m.ufs}
	s.mu.files[reply.GetFileId()] = src
	return src, nil
}

// forget drops what is remembered of files.
func (s *sources) forget(files []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range files {
		delete(s.mu.files, id)
	}
}
