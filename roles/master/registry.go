package master

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"goosefs/wire/clusterpb"
	"goosefs/wire/ring"
)

// blockMask holds a block's index within its file: a block's id is the file's with the index in place of the ones.
const blockMask = 1<<24 - 1

func fileOf(block int64) int64 { return block | blockMask }

// registry knows the workers, and which of them holds what: soft state, from the reports of the workers themselves.
// Each master has its own.
type registry struct {
	timeout      time.Duration // without a report a worker is lost
	since        time.Time     // workers report
	virtualNodes int           // places of a worker on the ring

	mu struct {
		sync.Mutex
		workers map[int64]*worker            // by id
		places  map[int64]map[int64][]holder // by file id and block id
		ring    *ring.Ring                   // of live workers; nil: to be made
		fewer   chan struct{}                // closed and replaced when places go away
	}
}

// worker is one worker. The registry's lock guards it.
type worker struct {
	id      int64
	host    string
	port    int
	socket  string // where it hands descriptors out, on its host
	started int64  // ms
	tiers   []*clusterpb.TierUsage
	count   *clusterpb.Counters
	seen    time.Time
	session *session // nil: lost
	whole   bool     // it has told all that it holds since it last began anew
	blocks  map[int64]int64
	writing []int64 // files that are being written on it
}

// session is one report stream. Orders wait in it until the stream sends them. The registry's lock guards what is not a
// channel.
type session struct {
	orders  chan *clusterpb.WorkerOrders
	wake    chan struct{} // a token: there is something else to tell
	anew    bool          // an order did not fit, so the worker is to report anew
	told    uint64        // the last ticket
	ordered uint64        // number of the last order
	obeyed  uint64        // the last one that the worker has carried out
	left    bool          // the stream ended
}

// sessionOrders is how many orders wait for one worker.
const sessionOrders = 256

func newSession() *session {
	return &session{orders: make(chan *clusterpb.WorkerOrders, sessionOrders), wake: make(chan struct{}, 1)}
}

// holder is a worker with bytes of a block.
type holder struct {
	worker int64
	bytes  int64
}

func newRegistry(timeout time.Duration, virtualNodes int, now time.Time) *registry {
	r := &registry{timeout: timeout, since: now, virtualNodes: virtualNodes}
	r.mu.workers = make(map[int64]*worker)
	r.mu.places = make(map[int64]map[int64][]holder)
	r.mu.fewer = make(chan struct{})
	return r
}

// report takes in what a worker says on its stream s. It returns the files of which the worker says it holds something
// more than before, for the caller to look for orphans among them, and those that it keeps since they are nowhere else.
func (r *registry) report(s *session, in *clusterpb.WorkerReport, now time.Time) (files, kept []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left {
		return nil, nil
	}
	w := r.mu.workers[in.GetWorkerId()]
	if w == nil {
		w = &worker{id: in.GetWorkerId(), blocks: make(map[int64]int64)}
		r.mu.workers[w.id] = w
	}
	if w.session != s || w.host != in.GetHost() || w.port != int(in.GetRpcPort()) {
		r.mu.ring = nil
	}
	w.session, w.seen = s, now
	s.obeyed = max(s.obeyed, in.GetObeyed())
	w.host, w.port, w.started = in.GetHost(), int(in.GetRpcPort()), in.GetStartTimeMs()
	w.tiers, w.count, w.socket, w.writing = in.GetTiers(), in.GetCounters(), in.GetSocket(), in.GetWriting()
	if in.GetReset_() {
		w.whole = false
		for block := range w.blocks {
			r.placeLocked(w, block, 0)
		}
	}
	grown, keeps := make(map[int64]bool), make(map[int64]bool)
	for _, c := range in.GetChanges() {
		r.placeLocked(w, c.GetBlockId(), c.GetBytes())
		if c.GetBytes() > 0 {
			grown[fileOf(c.GetBlockId())] = true
		}
		if c.GetKept() {
			keeps[fileOf(c.GetBlockId())] = true
		}
	}
	r.wakeLocked()
	w.whole = w.whole || in.GetTicket() > 0
	if in.GetTicket() > s.told {
		s.told = in.GetTicket()
		s.wakeLocked()
	}
	return slices.Sorted(maps.Keys(grown)), slices.Sorted(maps.Keys(keeps))
}

// wakeLocked wakes those who wait for places to go away.
func (r *registry) wakeLocked() {
	close(r.mu.fewer)
	r.mu.fewer = make(chan struct{})
}

// holdings are the files that each live worker holds something of.
func (r *registry) holdings() map[*session][]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	holdings := make(map[*session][]int64)
	for _, w := range r.mu.workers {
		if w.session == nil {
			continue
		}
		files := make(map[int64]bool)
		for block := range w.blocks {
			files[fileOf(block)] = true
		}
		holdings[w.session] = slices.Sorted(maps.Keys(files))
	}
	return holdings
}

// placeLocked notes that w holds so many bytes of a block.
func (r *registry) placeLocked(w *worker, block, bytes int64) {
	file := fileOf(block)
	blocks := r.mu.places[file]
	holders := slices.DeleteFunc(blocks[block], func(h holder) bool { return h.worker == w.id })
	if bytes > 0 {
		w.blocks[block] = bytes
		holders = append(holders, holder{w.id, bytes})
	} else {
		delete(w.blocks, block)
	}
	switch {
	case len(holders) > 0:
		if blocks == nil {
			blocks = make(map[int64][]holder)
			r.mu.places[file] = blocks
		}
		blocks[block] = holders
	case blocks != nil:
		delete(blocks, block)
		if len(blocks) == 0 {
			delete(r.mu.places, file)
		}
	}
}

// leave notes that stream s ended, and with it whichever worker reported on it. What the worker holds is remembered,
// but not counted on. Nothing is taken in from s any more.
func (r *registry) leave(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.left = true
	for _, w := range r.mu.workers {
		if w.session == s {
			w.session = nil
			r.mu.ring = nil
			r.wakeLocked()
		}
	}
}

// expire declares workers lost that have not reported for too long, and forgets those that have been lost for a
// hundred times as long.
func (r *registry) expire(now time.Time) (lost []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, w := range r.mu.workers {
		age := now.Sub(w.seen)
		if w.session != nil && age > r.timeout {
			w.session = nil
			r.mu.ring = nil
			r.wakeLocked()
			lost = append(lost, w.host)
		}
		if w.session == nil && age > 100*r.timeout {
			for block := range w.blocks {
				r.placeLocked(w, block, 0)
			}
			delete(r.mu.workers, id)
		}
	}
	return lost
}

// location is a worker to ask for a block. medium is empty if it does not hold the block.
type location struct {
	worker int64
	host   string
	port   int
	socket string
	medium string
}

// locate gives for each block of a file the live workers to ask, in order: those that hold most of it, then the owner
// of its stripe. It also says how many bytes of the file are cached. stripe and blockSize are bytes.
func (r *registry) locate(file, length, blockSize, stripe int64) (blocks [][]location, cached int64) {
	if length <= 0 || blockSize <= 0 {
		return nil, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hash := r.ringLocked()
	perStripe := max(1, stripe/blockSize)
	var owner []ring.Node // of the stripe that block i is in
	for i := int64(0); i*blockSize < length; i++ {
		block := file&^blockMask | i
		var at []location
		var most int64
		holders := slices.Clone(r.mu.places[file][block])
		slices.SortStableFunc(holders, func(a, b holder) int { return cmp.Compare(b.bytes, a.bytes) })
		for _, h := range holders {
			if w := r.mu.workers[h.worker]; w.session != nil {
				most = max(most, h.bytes)
				at = append(at, location{w.id, w.host, w.port, w.socket, medium(w)})
			}
		}
		cached += most
		if i%perStripe == 0 {
			owner = hash.Pick(block, 1)
		}
		for _, n := range owner {
			w := r.mu.workers[n.ID]
			if !slices.ContainsFunc(at, func(l location) bool { return l.worker == w.id }) {
				at = append(at, location{w.id, w.host, w.port, w.socket, ""})
			}
		}
		blocks = append(blocks, at)
	}
	return blocks, cached
}

// medium is the tier that a worker's blocks are said to be on: its first.
func medium(w *worker) string {
	if len(w.tiers) == 0 {
		return "MEM"
	}
	return w.tiers[0].GetAlias()
}

func (r *registry) ringLocked() *ring.Ring {
	if r.mu.ring == nil {
		var nodes []ring.Node
		for _, w := range r.mu.workers {
			if w.session != nil {
				nodes = append(nodes, ring.Node{ID: w.id, Host: w.host, VirtualNodes: r.virtualNodes})
			}
		}
		slices.SortFunc(nodes, func(a, b ring.Node) int { return cmp.Compare(a.ID, b.ID) })
		r.mu.ring = ring.New(nodes)
	}
	return r.mu.ring
}

// orderPage is how many files one order names.
const orderPage = 50_000

// order tells all live workers to drop files.
func (r *registry) order(files []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.mu.workers {
		if w.session != nil {
			w.session.freeLocked(files)
		}
	}
}

// orderOne tells the worker on a stream to drop files.
func (r *registry) orderOne(s *session, files []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.freeLocked(files)
}

// freeLocked leaves orders to drop files. fits is false if there was no room for all of them.
func (s *session) freeLocked(files []int64) (fits bool) {
	fits = true
	for page := range slices.Chunk(files, orderPage) {
		fits = s.leaveLocked(&clusterpb.WorkerOrders{FreeFiles: page}) && fits
	}
	return fits
}

func (s *session) wakeLocked() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// news is what the worker on a stream is to be told besides orders.
func (r *registry) news(s *session) *clusterpb.WorkerOrders {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := &clusterpb.WorkerOrders{SendAll: s.anew, Told: s.told}
	s.anew = false
	return news
}

// awaitFirst returns when there is a live worker, when the limit has passed, or when ctx ends.
func (r *registry) awaitFirst(ctx context.Context, limit time.Duration) {
	if limit <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		r.mu.Lock()
		reported := r.mu.fewer
		live := false
		for _, w := range r.mu.workers {
			live = live || w.session != nil
		}
		r.mu.Unlock()
		if live {
			return
		}
		select {
		case <-reported:
		case <-ctx.Done():
			return
		}
	}
}

// status lists all workers, by host.
func (r *registry) status(now time.Time) []*clusterpb.WorkerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*clusterpb.WorkerStatus
	for _, w := range r.mu.workers {
		list = append(list, &clusterpb.WorkerStatus{
			WorkerId: w.id, Host: w.host, RpcPort: int32(w.port), Live: w.session != nil,
			LastContactMs: now.Sub(w.seen).Milliseconds(), StartTimeMs: w.started,
			Tiers: w.tiers, Counters: w.count, Blocks: int64(len(w.blocks)),
		})
	}
	slices.SortFunc(list, func(a, b *clusterpb.WorkerStatus) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.WorkerId, b.WorkerId))
	})
	return list
}
