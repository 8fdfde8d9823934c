package worker

import (
	"bytes"
	"fmt"
	"testing"

	"goosefs/blockcache"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// All masters hear all that the worker holds, then what changes, and everything again when they or the worker begin
// anew or when they ask.
func TestReport(t *testing.T) {
	s := newSite(t, 3, Options{})
	block := s.put(1, "f", randomBytes(5*mib))
	other := s.put(2, "g", randomBytes(mib))
	c := s.client()
	if _, err := c.SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: &block}); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.masters {
		m.until("the block is cached", func() bool { return m.mu.blocks[block] == 4*mib && m.mu.resets == 1 })
	}
	last := s.masters[0].mu.last
	if last.GetWorkerId() != s.worker.ID() || last.GetHost() != "worker" || last.GetRpcPort() != 9203 || last.GetStartTimeMs() == 0 {
		t.Errorf("it calls itself %v", last)
	}
	if tier := last.GetTiers()[0]; len(last.GetTiers()) != 1 || tier.GetAlias() != "SSD" || tier.GetQuota() != 64<<20 || tier.GetUsed() < 4*mib {
		t.Errorf("its tiers are %v", last.GetTiers())
	}

	// A master that was away hears everything.
	s.masters[1].stop()
	if _, err := c.SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: &other}); err != nil {
		t.Fatal(err)
	}
	s.masters[1].start()
	s.masters[1].until("both are cached", func() bool { return s.masters[1].mu.blocks[other] == mib && s.masters[1].mu.resets == 2 })

	// Orders.
	s.masters[2].orders <- &clusterpb.WorkerOrders{FreeFiles: []int64{block | blockMask, 77<<24 | blockMask}}
	for _, m := range s.masters {
		m.until("the block is gone", func() bool { return m.mu.blocks[block] == 0 && m.mu.blocks[other] == mib })
	}
	s.masters[2].orders <- &clusterpb.WorkerOrders{SendAll: true}
	s.masters[2].until("all again", func() bool { return s.masters[2].mu.resets == 2 && s.masters[2].mu.blocks[other] == mib })
	asked := s.files.mu.asked
	if _, _, err := read(t.Context(), c, request(block, 0, 1)); err != nil || s.files.mu.asked != asked+1 {
		t.Errorf("the freed file's source was not asked for anew, %v", err)
	}

	// A worker that comes back holds what it held.
	s.stopWorker()
	s.startWorker()
	s.masters[0].until("it is back", func() bool { return s.masters[0].mu.blocks[other] == mib && s.masters[0].mu.resets == 2 })
}

// Before the answer to a load is given, the masters have been told. They need not be asked twice.
func TestLoadIsReported(t *testing.T) {
	s := newSite(t, 2, Options{})
	c := s.client()
	for _, l := range s.worker.reports.links {
		eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.mu.up }, func() string { return "the worker does not report to " + l.master })
	}
	for i := range int64(20) {
		block := s.put(i+1, fmt.Sprint("f", i), randomBytes(100*kib))
		if _, err := c.SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: &block, Length: proto.Int64(100 * kib)}); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.masters {
			m.mu.Lock()
			if got := m.mu.blocks[block]; got != 100*kib {
				t.Errorf("%s knows of %d bytes", m.name, got)
			}
			m.mu.Unlock()
		}
	}
	s.masters[0].stop()
	s.masters[1].stop()
	block := int64(1 << 24)
	if _, err := c.SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: &block}); err != nil {
		t.Errorf("what is loaded cannot be loaded without masters: %v", err)
	}
	s.masters[0].start()
	s.masters[1].start()
}

// When more changed than can be remembered, everything is sent.
func TestReportOverflow(t *testing.T) {
	s := newSite(t, 1, Options{})
	m := s.masters[0]
	m.until("the worker is there", func() bool { return m.mu.resets == 1 })
	l := s.worker.reports.links[0]
	l.mu.Lock() // the reporter waits here, before it looks for changes
	s.worker.reports.links[0].wake <- struct{}{}
	x, err := s.worker.cache.Acquire(blockcache.FileInfo{ID: 5<<24 | blockMask, Length: chunk + 1, BlockSize: chunk})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Release()
	put := func(off, n int64) {
		if kept, err := x.Put(off, make([]byte, n)); !kept || err != nil {
			t.Fatal(kept, err)
		}
	}
	put(0, chunk)
	for range 33_000 {
		put(chunk, 1)
		s.worker.cache.Changes(0) // otherwise a block that changes again counts once
		s.worker.cache.DropBlock(5<<24|blockMask, 1)
		s.worker.cache.Changes(0)
	}
	l.mu.Unlock()
	m.until("all is sent anew", func() bool { return m.mu.resets == 2 && len(m.mu.blocks) == 1 && m.mu.blocks[5<<24] == chunk })
}

// The calls about blocks that are cached.
func TestBlocks(t *testing.T) {
	s := newSite(t, 1, Options{})
	block := s.put(1, "f", randomBytes(5*mib))
	c, m := s.client(), s.masters[0]
	if _, _, err := read(t.Context(), c, request(block, 64*kib, 64*kib)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) == 64*kib }, func() string { return "it is not kept" })
	if _, err := c.AsyncCache(t.Context(), &pb.AsyncCacheRequest{BlockId: proto.Int64(block + 1)}); err != nil {
		t.Fatal(err)
	}
	m.until("the second block is cached", func() bool { return m.mu.blocks[block+1] == mib })
	check := func(want map[int64]int64) {
		t.Helper()
		resp, err := c.CheckBlocks(t.Context(), &pb.CheckBlocksRequest{BlockIds: []int64{block, block + 1, block + 2, -4, 0, 9 << 24}})
		if err != nil || fmt.Sprint(resp.GetBlockCachedBytes()) != fmt.Sprint(want) {
			t.Errorf("cached: %v, %v, want %v", resp.GetBlockCachedBytes(), err, want)
		}
	}
	check(map[int64]int64{block: 64 * kib, block + 1: mib})

	m.until("bytes were counted", func() bool { return m.mu.last.GetCounters().GetBytesFromUfs() == mib+64*kib })
	if _, err := c.ClearMetrics(t.Context(), &pb.ClearMetricsRequest{}); err != nil {
		t.Fatal(err)
	}
	m.until("they count from 0 again", func() bool { return m.mu.last.GetCounters().GetBytesFromUfs() == 0 })

	if _, err := c.RemoveBlock(t.Context(), &pb.RemoveBlockRequest{BlockId: proto.Int64(block + 1)}); err != nil {
		t.Fatal(err)
	}
	m.until("it is gone", func() bool { return m.mu.blocks[block+1] == 0 })
	check(map[int64]int64{block: 64 * kib})
	if _, err := c.FreeWorker(t.Context(), &pb.FreeWorkerRequest{}); err != nil {
		t.Fatal(err)
	}
	m.until("all is gone", func() bool { return len(m.mu.blocks) == 0 })
	check(nil)
	if got, _, err := read(t.Context(), c, request(block, 0, 5)); err != nil || len(got) != 5 || bytes.Equal(got, make([]byte, 5)) {
		t.Errorf("and cannot be read: %v", err)
	}
}
