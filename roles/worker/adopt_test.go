package worker

import (
	"bytes"
	"testing"

	"goosefs/wire/pb"
)

// belong makes all masters of a site members of a cluster, from now on.
func (s *site) belong(cluster, leader string) {
	for _, m := range s.masters {
		m.stop()
		m.mu.Lock()
		m.mu.cluster, m.mu.leader = cluster, leader
		m.mu.Unlock()
		m.start()
	}
}

// In another cluster, or after the masters were formatted, the same ids are of other files. Nothing of the old ones is
// told to the new masters, or served under their ids: not what is cached, nor what is under way, nor what lingers.
func TestAnotherCluster(t *testing.T) {
	s := newSite(t, 2, Options{FillRange: mib})
	old := randomBytes(4 * mib)
	block := s.put(1, "f", old)
	c := s.client()
	s.belong("one", "m0:9200")
	for _, m := range s.masters {
		m.until("the worker is there", func() bool { return m.mu.resets > 0 && s.worker.cache.InCluster("one") })
	}
	s.settled()
	if _, _, err := read(t.Context(), c, request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) == mib }, func() string { return "not cached" })
	noCache := request(block, 3*mib, mib)
	noCache.OpenUfsBlockOptions = &pb.OpenUfsBlockOptions{NoCache: new(bool)}
	*noCache.OpenUfsBlockOptions.NoCache = true
	if _, _, err := read(t.Context(), c, noCache); err != nil {
		t.Fatal(err)
	}
	never := make(chan struct{})
	stand := &stand{over: make(chan struct{})}
	s.source.misbehave(stand.stalling(100*kib, never))
	slow, err := c.ReadBlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Send(request(block, mib, mib)); err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Recv(); err != nil {
		t.Fatal(err)
	}
	close(stand.over) // the body goes on only after the cluster has changed: its flight is waited for

	// The same id, and a file of the same length.
	s.source.misbehave(nil)
	fresh := randomBytes(4 * mib)
	s.put(1, "g", fresh)
	s.belong("two", "")
	s.belong("two", "m1:9200")
	for _, m := range s.masters {
		m.until("the worker has changed over", func() bool { return s.worker.cache.InCluster("two") && m.mu.blocks[block] == 0 && m.mu.resets > 1 })
	}
	s.settled()
	got, _, err := read(t.Context(), c, request(block, 0, 4*mib))
	if err != nil || !bytes.Equal(got, fresh) {
		t.Fatalf("%d bytes, %v; they are the old file's: %v", len(got), err, bytes.Equal(got, old))
	}
	for err == nil { // it ends, with all bytes of the old file or without
		_, err = slow.Recv()
	}
}

// A master of another cluster that has no leader may be a relic: it is told nothing, and nothing is dropped for it.
func TestRelic(t *testing.T) {
	s := newSite(t, 2, Options{})
	s.belong("one", "m0:9200")
	for _, m := range s.masters { // what was cached before it knew its cluster would be dropped
		m.until("the worker is there", func() bool { return m.mu.resets > 0 && s.worker.cache.InCluster("one") })
	}
	s.settled()
	block := s.put(1, "f", randomBytes(mib))
	if _, err := s.client().SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: &block}); err != nil {
		t.Fatal(err)
	}
	s.masters[0].until("it is cached", func() bool { return s.masters[0].mu.blocks[block] == mib })
	relic := s.masters[1]
	relic.stop()
	relic.mu.Lock()
	relic.mu.cluster, relic.mu.leader, relic.mu.blocks = "zero", "", make(map[int64]int64)
	resets, met := relic.mu.resets, relic.mu.met
	relic.mu.Unlock()
	relic.start()
	eventually(t, func() bool {
		relic.mu.Lock()
		defer relic.mu.Unlock()
		return relic.mu.met > met+1
	}, func() string { return "the relic is not even asked" })
	relic.mu.Lock()
	defer relic.mu.Unlock()
	if relic.mu.resets != resets || len(relic.mu.blocks) > 0 || s.worker.cache.CachedBytes(block|blockMask) != mib {
		t.Error("a relic was believed")
	}
}

// settled returns when the worker serves in the cluster that it is in: while it changes over it serves nobody.
func (s *site) settled() {
	s.worker.adopting.Lock()
	defer s.worker.adopting.Unlock()
}
