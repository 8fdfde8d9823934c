package master

import (
	"context"
	"os"
	"strings"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
)

// watchLeadership does what falls to a new leader, and ends what only a leader may do when leadership is lost.
func (m *Master) watchLeadership() {
	var leading raftlog.Role
	for {
		role, changed := m.raft.Watch()
		if role.Ended || m.ctx.Err() != nil {
			m.hub.reset()
			return
		}
		if role.Leading != leading.Leading || role.Leading && role.Term != leading.Term {
			m.hub.reset()
			if role.Leading {
				m.log.Info("leading", "term", role.Term)
				m.wg.Go(func() { m.begin(role.Term) })
			} else {
				m.log.Info("not leading", "term", role.Term, "leader", m.leaderAddress())
			}
			leading = role
		}
		select {
		case <-changed:
		case <-m.ctx.Done():
		}
	}
}

// begin is the first work of a leader: the root mount of a new cluster, and what a leader before left undone.
func (m *Master) begin(term uint64) {
	for m.ctx.Err() == nil {
		if role, _ := m.raft.Watch(); !role.Leading || role.Term != term {
			return
		}
		err := m.mountRoot(m.ctx)
		if err == nil {
			break
		}
		m.log.Warn("cannot mount the root", "ufs", m.options.RootUFS, "err", err)
		select {
		case <-time.After(time.Second):
		case <-m.ctx.Done():
		}
	}
	m.reap(m.ctx, &metastore.Result{Unreaped: true})
}

func (m *Master) mountRoot(ctx context.Context) error {
	for _, mount := range m.store.Mounts() {
		if mount.Path == "/" {
			return nil
		}
	}
	// A local root is made if it is not there: containers start with nothing.
	if root := strings.TrimPrefix(m.options.RootUFS, "file://"); strings.HasPrefix(root, "/") {
		if err := os.MkdirAll(root, 0o755); err != nil {
			return err
		}
	}
	_, err := m.propose(ctx, metastore.AddMount{
		Header: m.head(nil), Path: "/", UFS: m.options.RootUFS, ReadOnly: m.options.RootReadOnly, Options: m.options.RootOptions,
	})
	return err
}

// watchWorkers declares silent workers lost.
func (m *Master) watchWorkers() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, host := range m.registry.expire(now) {
				m.log.Warn("worker lost: no report", "worker", host)
			}
		case <-m.ctx.Done():
			return
		}
	}
}
