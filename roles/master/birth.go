package master

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
	"goosefs/wire/clusterpb"

	"go.etcd.io/raft/v3/raftpb"
)

// How a master with an empty folder finds its cluster.
//
// It meets the masters of its configuration. If one of them belongs to a cluster, it waits to be taken in: the leader
// adds it as a learner, with an id of its own that was never used before (see members.go). That is the same for the
// second and the third master of a new cluster, for one that is added later, and for one that lost its disk.
//
// If most of them answer and none belongs to a cluster, the first by address founds one, with a random id, alone. The
// others join it. A cluster serves only once most of the configured masters have a vote, so that nothing is ever
// acknowledged by the founder alone.
//
// Cluster and members have random ids, so nothing that belongs to a cluster that was formatted away can pass for a
// part of the new one: neither a master that was forgotten, nor blocks that workers cached.

// beginning is how a journal comes into being.
type beginning int

const (
	resumes beginning = iota // it is there
	founds                   // of a new cluster
	joins                    // of one that is there
)

// born finds out whether this master's folder belongs to a cluster.
func (m *Master) born() (bool, error) {
	if err := m.checkMarker(); err != nil {
		return false, err
	}
	id, ok, err := raftlog.Inspect(m.options.JournalDir)
	if !ok || err != nil {
		m.memberID, m.life = random(), random()
		return false, err
	}
	m.identity, m.memberID, m.life = id, id.ID, random()
	return true, nil
}

// random is an id: raft wants them above 0; below 2^63 they print alike everywhere.
func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.BigEndian.Uint64(b[:])>>1)
}

// bear finds the cluster of an empty folder, and begins there. It tries until it can, or until ctx ends.
func (m *Master) bear(ctx context.Context) error {
	var others []string
	for _, member := range m.options.Masters {
		if member != m.self {
			others = append(others, member.Journal)
		}
	}
	said := ""
	for {
		b := decideBirth(m.peer(), m.options.Masters, m.meetings.all(ctx, others, m.peer()))
		switch {
		case ctx.Err() != nil:
			return nil
		case b.how == founds:
			m.identity = raftlog.Identity{ClusterID: random(), ID: m.memberID}
			m.log.Info("founding a cluster", "cluster", clusterName(m.identity.ClusterID), "member", m.memberID)
			return m.begin(founds)
		case b.how == joins:
			m.identity = raftlog.Identity{ClusterID: b.cluster, ID: m.memberID}
			m.log.Info("joining a cluster", "cluster", clusterName(b.cluster), "member", m.memberID)
			return m.begin(joins)
		case b.waits != said:
			m.log.Info("this master's folder is empty: waiting", "for", b.waits)
			said = b.waits
		}
		if !pause(ctx, 2*m.options.Heartbeat) {
			return nil
		}
	}
}

// birth is what to do next; if nothing, what is waited for.
type birth struct {
	how     beginning
	cluster uint64
	waits   string
}

// decideBirth decides what a master without a cluster does, having heard the others of its configuration.
func decideBirth(me *clusterpb.Peer, configured []Member, heard []*clusterpb.Peer) birth {
	clusters := make(map[uint64]*clusterpb.Peer)
	newborn, refused := 1, "" // this one
	for _, p := range heard {
		if p.GetClusterId() == 0 {
			newborn++
			continue
		}
		clusters[p.GetClusterId()] = p
		refused = cmp.Or(refused, p.GetRefused())
		for _, member := range p.GetMembers() {
			if member.GetId() == me.GetMemberId() {
				return birth{how: joins, cluster: p.GetClusterId()}
			}
		}
	}
	if len(clusters) > 1 {
		return birth{waits: "the masters of the configuration to be of one cluster: now they are of several; empty the folders of those that do not belong"}
	}
	for id := range clusters {
		return birth{waits: fmt.Sprintf("the leader of cluster %s to take it in. %s", clusterName(id), refused)}
	}
	most := len(configured)/2 + 1
	first := slices.MinFunc(configured, func(a, b Member) int { return cmp.Compare(a.Journal, b.Journal) })
	switch {
	case newborn < most:
		return birth{waits: fmt.Sprintf("more masters: %d of %d are there, %d are needed", newborn, len(configured), most)}
	case first.Journal != me.GetJournalAddress():
		return birth{waits: first.Journal + " to found a cluster"}
	}
	return birth{how: founds}
}

// clusterName is a cluster's id as people and workers see it.
func clusterName(id uint64) string { return fmt.Sprintf("%016x", id) }

// begin opens everything, takes part in the log, and serves clients.
func (m *Master) begin(how beginning) error {
	o := m.options
	var err error
	if how != resumes {
		if err := m.prepareStore(how); err != nil {
			return err
		}
	}
	if m.store, err = metastore.Open(o.MetaDir, o.storeOptions()); err != nil {
		return err
	}
	m.operations.store = m.store
	m.transport = newTransport(sender{m.identity.ClusterID, m.identity.ID, m.self.Journal, m.life}, o.Network, o.Log,
		func(peer uint64, gone bool) {
			m.raft.ReportUnreachable(peer)
			if gone {
				m.raft.ReportGone(peer)
			}
		})
	cfg := raftlog.Config{
		ClusterID: m.identity.ClusterID, ID: m.identity.ID, Address: m.self.Journal, Dir: o.JournalDir,
		Join: how == joins, Restored: how == founds && o.Restore != "",
		StateMachine: o.stateMachine(m.store), Transport: m.transport,
		Tick: o.Heartbeat, HeartbeatTicks: 1, ElectionTicks: max(2, int(o.Election/o.Heartbeat)),
		SnapshotEntries: o.SnapshotEntries, SnapshotBytes: o.SnapshotBytes, CatchUpEntries: o.CatchUpEntries,
		ImageBytesPerSecond: o.SnapshotRate, ReserveBytes: o.JournalReserve, BallastBytes: o.JournalBallast, Log: o.Log,
	}
	if o.FreeSpace != nil {
		cfg.Inject(raftlog.Faults{Free: o.FreeSpace})
	}
	if how == founds {
		cfg.Members = []raftlog.Member{m.member()}
		m.founded = true
	}
	if m.raft, err = raftlog.Open(cfg); err != nil {
		return err
	}
	m.transport.setMembers(m.raft.Members())
	m.begun.Store(true)
	m.journal.raft.Store(&raftService{
		cluster: m.identity.ClusterID, self: m.identity.ID, lives: m.lives, learn: m.transport.learn,
		step:    func(ctx context.Context, msg *raftpb.Message) error { return m.raft.Step(ctx, msg) },
		install: m.raft.InstallSnapshot,
	})
	if err := m.serveClients(); err != nil {
		return err
	}
	m.transport.start()
	m.wg.Go(m.watchLeadership)
	m.wg.Go(m.watchWorkers)
	m.wg.Go(m.watchDisks)
	m.wg.Go(m.keepAcquainted)
	return nil
}

// member is this master as a member of the log.
func (m *Master) member() raftlog.Member {
	return raftlog.Member{ID: m.identity.ID, Address: m.self.Journal, Clients: m.self.Address}
}

// settled says whether a leader may serve: of a new cluster, most of the configured masters have a vote by now.
func (m *Master) settled() bool {
	if !m.founded && m.rootMounted() {
		return true
	}
	voters := 0
	for _, member := range m.raft.Status().Members {
		if !member.Learner {
			voters++
		}
	}
	return voters >= len(m.options.Masters)/2+1
}

// waitUntilSettled returns when it is so, or false when ctx ends.
func (m *Master) waitUntilSettled(ctx context.Context) bool {
	for said := false; !m.settled(); said = true {
		if !said {
			m.log.Info("a new cluster: waiting for more masters before it serves", "configured", len(m.options.Masters))
		}
		if !pause(ctx, m.options.Heartbeat) {
			return false
		}
	}
	return true
}

// begged hears a master without a cluster that wants to come. It is taken in, on the leader, in the background.
func (m *Master) begged(other *clusterpb.Peer) error {
	if role, _ := m.raft.Watch(); !role.Leading {
		return nil // the leader hears it too, and answers
	}
	addr := other.GetJournalAddress()
	if !m.expected(addr) {
		return fmt.Errorf("%s is not among the masters; if it is to be, run: goosefs fsadmin journal quorum add -domain MASTER -address %s", addr, addr)
	}
	t := m.reigns()
	if t == nil || !m.admissions.TryLock() {
		return nil // it will ask again
	}
	m.wg.Go(func() {
		defer m.admissions.Unlock()
		ctx, cancel := context.WithTimeout(t.ctx, admitTimeout)
		defer cancel()
		if err := m.admit(ctx, addr); err != nil && ctx.Err() == nil {
			m.log.Info("a master is not taken in yet", "address", addr, "reason", err)
		}
	})
	return nil
}

// expected says whether a master at addr may come without being told to: it is one of the configuration, or the
// address of a member.
func (m *Master) expected(addr string) bool {
	return slices.ContainsFunc(m.options.Masters, func(c Member) bool { return c.Journal == addr }) ||
		slices.ContainsFunc(m.raft.Members(), func(p raftlog.Member) bool { return p.Address == addr })
}

const admitTimeout = 10 * time.Second
