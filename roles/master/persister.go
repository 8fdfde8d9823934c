package master

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"
)

const (
	persistEach  = 4                // files that one worker brings into the under file system at once
	persistMost  = time.Minute      // between two tries
	persistRound = time.Second      // between two looks at what there is to do
	byMaster     = -1               // a worker's number: the leader does it itself
	persistQuiet = 10 * time.Second // without a word of it, a worker is taken not to persist a file that it was told to
)

// persister sees to it that files which are complete and to be persisted come into the under file system. What there is to
// do is in the namespace, so every master knows it; the leader has workers do it, for as long as it takes. How the tries
// went only the leader knows: another one begins anew.
type persister struct {
	*Master
	waking chan struct{} // a token: there is something to do

	mu struct {
		sync.Mutex
		jobs  map[int64]*persistJob // by file
		waits map[int64]time.Time   // not before, of files whose first try is to wait
	}
}

// persistJob is a file to be persisted.
type persistJob struct {
	tries  int    // that failed
	why    string // the last one did
	errno  syscall.Errno
	next   time.Time // not before
	worker int64     // that was told to, or byMaster; 0: none
	told   time.Time // when, or when it last said that it is at it
}

func newPersister(m *Master) *persister {
	p := &persister{Master: m, waking: make(chan struct{}, 1)}
	p.mu.jobs = make(map[int64]*persistJob)
	p.mu.waits = make(map[int64]time.Time)
	return p
}

// postpone has the next try of a file that is in the queue, or is about to be, wait so long from now on and no longer, if
// another leader does not come first. Whoever asks may have mended what earlier ones failed of.
func (p *persister) postpone(file int64, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := p.now().Add(wait)
	p.mu.waits[file] = until
	if j := p.mu.jobs[file]; j != nil {
		j.next = until
	}
}

// waitOf is how long the caller wants the first try to wait; what is below 0 is no time.
func waitOf(o *pb.ScheduleAsyncPersistencePOptions) time.Duration {
	most := time.Duration(math.MaxInt64 / 2)
	return time.Duration(min(max(o.GetPersistenceWaitTime(), 0), most.Milliseconds())) * time.Millisecond
}

// wake has the queue looked at.
func (p *persister) wake() {
	select {
	case p.waking <- struct{}{}:
	default:
	}
}

// run works for as long as this master leads.
func (p *persister) run(t *term) {
	p.mu.Lock()
	clear(p.mu.jobs)
	clear(p.mu.waits)
	p.mu.Unlock()
	tick := time.NewTicker(persistRound)
	defer tick.Stop()
	for {
		queue, err := p.queue(t.ctx)
		if err == nil {
			for _, job := range p.due(queue, p.now()) {
				p.begin(t, job)
			}
		}
		select {
		case <-p.waking:
		case <-tick.C:
		case <-t.ctx.Done():
			return
		}
	}
}

// queue lists the files that are to be persisted.
func (p *persister) queue(ctx context.Context) (files []metastore.Inode, err error) {
	ids, err := p.store.Unfinished(ctx)
	for _, id := range ids {
		n, _, err := p.store.Get(id)
		if err == nil && n.Completed && n.Persistence == metastore.ToBePersisted {
			files = append(files, n)
		}
	}
	return files, err
}

// task is a file and the worker that is to persist it.
type task struct {
	file   metastore.Inode
	worker int64 // or byMaster
}

// due are the files that can be begun now. What is not in the queue any more is forgotten.
func (p *persister) due(queue []metastore.Inode, now time.Time) (tasks []task) {
	at, live := p.registry.written(), p.registry.living()
	p.mu.Lock()
	defer p.mu.Unlock()
	jobs := make(map[int64]*persistJob, len(queue))
	busy := make(map[int64]int) // by worker
	for _, n := range queue {
		j := p.mu.jobs[n.ID]
		if j == nil {
			j = &persistJob{next: p.mu.waits[n.ID]}
		}
		jobs[n.ID] = j
		if j.worker == 0 || j.worker == byMaster {
			continue
		}
		if at[n.ID] {
			j.told = now
		}
		if _, lives := live[j.worker]; !lives || now.Sub(j.told) > persistQuiet {
			j.worker = 0
			continue
		}
		busy[j.worker]++
	}
	p.mu.jobs = jobs
	maps.DeleteFunc(p.mu.waits, func(_ int64, until time.Time) bool { return until.Before(now) })
	for _, n := range queue {
		j := jobs[n.ID]
		if j.worker != 0 || now.Before(j.next) {
			continue
		}
		if n.Length == 0 {
			j.worker = byMaster
			tasks = append(tasks, task{n, byMaster})
			continue
		}
		if w := choosePersister(p.registry.holding(n.ID), live, busy); w != 0 {
			j.worker, j.told = w, now
			busy[w]++
			tasks = append(tasks, task{n, w})
		}
	}
	return tasks
}

// choosePersister chooses, of the workers that have room for one more file, the one that holds most bytes of it; any, if
// none does. 0 is nobody.
func choosePersister(held map[int64]int64, live map[int64]bool, busy map[int64]int) int64 {
	var able []int64
	for id := range live {
		if busy[id] < persistEach {
			able = append(able, id)
		}
	}
	slices.SortFunc(able, func(a, b int64) int {
		return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(busy[a], busy[b]), cmp.Compare(a, b))
	})
	if len(able) == 0 {
		return 0
	}
	return able[0]
}

// begin has a file persisted.
func (p *persister) begin(t *term, job task) {
	if job.worker != byMaster {
		p.registry.orderPersist(job.worker, job.file.ID)
		return
	}
	p.wg.Go(func() {
		if err := p.finish(t.ctx, job.file.ID, "", 0); err != nil && t.ctx.Err() == nil {
			p.failed(job.file.ID, err.Error(), errnoOf(err))
		}
	})
}

// failed notes that a try came to nothing: the next is later, the more of them there were.
func (p *persister) failed(file int64, why string, errno syscall.Errno) {
	p.mu.Lock()
	j := p.mu.jobs[file]
	if j == nil {
		p.mu.Unlock()
		return
	}
	pause := min(p.options.PersistTries<<min(j.tries, 16), persistMost)
	j.tries, j.worker, j.next = j.tries+1, 0, p.now().Add(pause)
	j.why, j.errno = why, errno
	tries := j.tries
	p.mu.Unlock()
	if n, path, err := p.store.Get(file); err == nil {
		p.log.Warn("a file could not be persisted; it is tried again", "path", path, "bytes", n.Length, "tries", tries, "in", pause, "reason", why)
	}
}

// failing are the files whose last try failed, by id, in rising order.
func (p *persister) failing() (files []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, j := range p.mu.jobs {
		if j.tries > 0 {
			files = append(files, id)
		}
	}
	slices.Sort(files)
	return files
}

// hurry has what failed tried again at once. It says whether anything did.
func (p *persister) hurry() (failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.mu.jobs {
		if j.tries > 0 {
			j.next, failed = time.Time{}, true
		}
	}
	p.wake()
	return failed
}

// living are the workers that live.
func (r *registry) living() map[int64]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	live := make(map[int64]bool)
	for id, w := range r.mu.workers {
		if w.session != nil {
			live[id] = true
		}
	}
	return live
}

// holding is how many bytes of a file each worker holds.
func (r *registry) holding(file int64) map[int64]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make(map[int64]int64)
	for _, holders := range r.mu.places[file] {
		for _, h := range holders {
			held[h.worker] += h.bytes
		}
	}
	return held
}

// orderPersist tells a worker to persist a file.
func (r *registry) orderPersist(worker, file int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.mu.workers[worker]; w != nil && w.session != nil {
		w.session.leaveLocked(&clusterpb.WorkerOrders{Persist: []int64{file}})
	}
}
