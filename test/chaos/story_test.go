package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"goosefs/client"
	"goosefs/metastore"
	"goosefs/test/model"
)

const (
	span       = 6 * time.Second // during which the fault comes and goes
	leastAcked = 1000            // operations that were answered, or a history says too little
	mostSpan   = time.Minute     // for so many
	checkLimit = 5 * time.Minute
	upLimit    = 20 * time.Second // until three masters lead and follow, at the beginning
	healLimit  = 30 * time.Second // the same, when a fault is over
)

// fault is something bad that happens to masters.
type fault struct {
	name       string
	what       string // for the table
	tools      []string
	disk       diskKind
	properties []string // of the masters
	relayed    *delay   // how slow the links between masters are, from the beginning to the end
	mayEnd     bool     // masters may end by it
	// inject makes the fault happen to the masters of a story, again and again until it pauses no more, and ends it.
	// What was done to a process, a filter or a disk need not be undone: a story does that at its end.
	inject func(s *story) error
}

// story is one history while it is told.
type story struct {
	fault    fault
	seed     uint64
	dir      string
	cluster  *cluster
	rng      *rand.Rand      // of inject alone
	ctx      context.Context // ends with the span
	injected int             // how often the fault has happened; inject counts
}

// result is what became of a story.
type result struct {
	fault       string
	seed        uint64
	injected    int
	acked, open int
	refused     int
	verdict     model.Verdict
	gap         time.Duration // the longest without an answer
	took        time.Duration
	err         error // the first thing that was wrong, besides the verdict
}

func (r result) good() bool { return r.err == nil && r.verdict == model.Legal }

func (r result) String() string {
	text := fmt.Sprintf("%-20s seed %-20d injected %3d  operations %5d  unknown %2d  refused %3d  longest gap %5.2f s  %s", r.fault, r.seed, r.injected, r.acked, r.open, r.refused, r.gap.Seconds(), r.verdict)
	if r.err != nil {
		text += ": " + r.err.Error()
	}
	return text
}

// tell tells one story, in dir, which is to be empty. If it is red, dir holds what is left of it.
func tell(n *network, program, dir string, f fault, seed uint64) result {
	began := time.Now()
	s := &story{fault: f, seed: seed, dir: dir, rng: rand.New(rand.NewPCG(seed, 1<<32))}
	r := result{fault: f.name, seed: seed, verdict: model.Undecided}
	r.err = s.tell(n, program, &r)
	r.injected, r.took = s.injected, time.Since(began)
	return r
}

func (s *story) tell(n *network, program string, r *result) (err error) {
	links, unlink, err := s.fault.relayed.links(n, s.seed)
	if err != nil {
		return err
	}
	defer unlink()
	s.cluster, err = newCluster(n, program, s.dir, s.fault.disk, s.fault.properties, links)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.cluster.close()) }()
	if err := s.cluster.await(upLimit, "three new masters lead and follow", united); err != nil {
		return err
	}
	l := newLoad(s.cluster, s.seed)
	err = s.live(l, r)
	r.acked, r.open = l.history.Acked(), l.history.Open("")
	for _, n := range l.mu.refused {
		r.refused += n
	}
	var checked error
	if r.verdict, checked = l.history.Check(checkLimit, filepath.Join(s.dir, "history.html")); checked != nil {
		err = errors.Join(err, checked)
	}
	switch {
	case err != nil:
		return err
	case s.injected == 0:
		return errors.New("the fault did not happen")
	case r.acked < leastAcked:
		return fmt.Errorf("only %d operations were answered", r.acked)
	}
	return nil
}

// live is what happens to the masters: load, fault, recovery, a last look, and an end in order.
func (s *story) live(l *load, r *result) error {
	began := time.Now()
	if err := l.begin(context.Background()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	s.ctx = ctx
	err := s.fault.inject(s)
	<-ctx.Done()
	err = errors.Join(err, s.heal())
	for err == nil && l.history.Acked() < leastAcked && time.Since(began) < mostSpan {
		time.Sleep(50 * time.Millisecond)
	}
	r.gap, _ = l.longestGap(began, time.Now())
	l.end()
	if len(l.mu.wrong) > 0 {
		err = errors.Join(err, fmt.Errorf("%d answers that no client should get, such as: %w", len(l.mu.wrong), l.mu.wrong[0]))
	}
	if err != nil {
		return err
	}
	if err := l.look(); err != nil {
		return err
	}
	return s.compare()
}

// heal undoes what was done to processes, links and disks, and waits until the masters are well.
func (s *story) heal() error {
	var errs []error
	for _, h := range s.cluster.network.hosts() {
		_, err := h.unfilter()
		errs = append(errs, err)
	}
	for _, m := range s.cluster.masters {
		errs = append(errs, m.disk.release())
		m.resume()
		if m.endedAlone() && !s.fault.mayEnd {
			errs = append(errs, fmt.Errorf("%s ended by itself", m.host.name))
		}
		errs = append(errs, m.start())
	}
	return errors.Join(append(errs, s.cluster.await(healLimit, "the masters lead and follow again", united))...)
}

// compare ends the masters and compares what each of them has on its disk.
func (s *story) compare() error {
	if err := s.cluster.await(healLimit, "all masters have applied the same", level); err != nil {
		return err
	}
	leader := s.cluster.leader(context.Background())
	if leader == nil {
		return errors.New("nobody leads when all is well")
	}
	var errs []error
	for _, m := range append(s.cluster.others(leader), leader) { // nobody takes over and begins something new
		errs = append(errs, m.stop())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var first metastore.StateHash
	for i, m := range s.cluster.masters {
		hash, err := hashOf(filepath.Join(m.disk.dir, "metastore"))
		if err != nil {
			return fmt.Errorf("%s: %w", m.host.name, err)
		}
		if i == 0 {
			first = hash
		}
		if hash != first {
			errs = append(errs, fmt.Errorf("%s is in state %x after %d commands, m0 in %x after %d", m.host.name, hash.Sum, hash.Commands, first.Sum, first.Commands))
		}
	}
	return errors.Join(errs...)
}

// hashOf verifies a database, and gives the hash of the state in it.
func hashOf(dir string) (metastore.StateHash, error) {
	store, err := metastore.Open(dir, metastore.Options{})
	if err != nil {
		return metastore.StateHash{}, err
	}
	return store.Hash(), errors.Join(store.Check(), store.Close())
}

// pause waits for a while between least and most. It is false when the span is over.
func (s *story) pause(least, most time.Duration) bool {
	select {
	case <-time.After(least + time.Duration(s.rng.Int64N(int64(most-least)+1))):
		return true
	case <-s.ctx.Done():
		return false
	}
}

// hold waits like pause, and where the span is over for least at any rate: some faults need time to be felt.
func (s *story) hold(least, most time.Duration) {
	began := time.Now()
	if !s.pause(least, most) {
		time.Sleep(least - time.Since(began))
	}
}

// leader waits for a leader. It is nil when the span is over.
func (s *story) leader() *master {
	for {
		if m := s.cluster.leader(s.ctx); m != nil {
			return m
		}
		if !s.pause(20*time.Millisecond, 20*time.Millisecond) {
			return nil
		}
	}
}

// any is one of the masters.
func (s *story) any() *master { return s.cluster.masters[s.rng.IntN(3)] }

// follower is one of those that do not lead; nil when the span is over.
func (s *story) follower() *master {
	m := s.leader()
	if m == nil {
		return nil
	}
	return s.cluster.others(m)[s.rng.IntN(2)]
}

// shuffled are the masters in any order.
func (s *story) shuffled() []*master {
	list := append([]*master(nil), s.cluster.masters[:]...)
	s.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// applied is the furthest that any master has got.
func (s *story) applied() (most uint64) {
	for _, said := range s.cluster.statuses(s.ctx) {
		if said != nil {
			most = max(most, said.Applied)
		}
	}
	return most
}

// hostsOf are the hosts of masters.
func hostsOf(masters ...*master) (hosts []*host) {
	for _, m := range masters {
		hosts = append(hosts, m.host)
	}
	return hosts
}

// serves says whether somebody leads, however few others there are.
func serves(said [3]*client.Cluster) bool {
	for _, s := range said {
		if s != nil && s.Leader == s.AnsweredBy && !s.SafeMode {
			return true
		}
	}
	return false
}
