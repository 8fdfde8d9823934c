package master

import (
	"context"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
)

// collectAbandoned removes files that were created and neither completed nor removed, once nobody has written them for as
// long as the options say: a program that died, or gave up and told nobody. Their names would be taken for ever.
//
// A worker says which files are being written on it. How long nobody did so is known to a leader since it leads.
func (m *Master) collectAbandoned(t *term) {
	began := m.now()
	touched := make(map[int64]time.Time) // by file: when it was seen to be written
	for pause(t.ctx, m.options.AbandonedAfter/8) {
		files, err := m.store.Unfinished(t.ctx)
		if err != nil {
			continue
		}
		now, written, left := m.now(), m.registry.written(), make(map[int64]time.Time)
		for _, id := range files {
			seen, known := touched[id]
			switch {
			case written[id]:
				seen = now
			case !known:
				seen = began
			}
			left[id] = seen
			if now.Sub(seen) > m.options.AbandonedAfter {
				m.removeAbandoned(t.ctx, id, now)
			}
		}
		touched = left
	}
}

// removeAbandoned removes a file that nobody writes, if it is not complete and old enough.
func (m *Master) removeAbandoned(ctx context.Context, id int64, now time.Time) {
	n, p, err := m.store.Get(id)
	if err != nil || n.Completed || now.UnixMilli()-n.CreateTime <= m.options.AbandonedAfter.Milliseconds() {
		return
	}
	x, err := m.changes.begin(ctx, p)
	if err != nil {
		return
	}
	defer m.changes.end(x)
	r, err := m.store.Resolve(p)
	if err != nil || r.Inode == nil || r.Inode.ID != id || r.Inode.Completed {
		return // it was completed, moved or removed meanwhile
	}
	_, err = m.propose(ctx, metastore.Delete{Header: m.head(nil), Path: p, IfID: id, GoosefsOnly: r.Mount.ReadOnly}, p)
	if err != nil {
		if errnoOf(err) != syscall.ENOENT && ctx.Err() == nil {
			m.log.Warn("a file that was abandoned is not removed", "path", p, "err", err)
		}
		return
	}
	m.log.Info("a file that was never completed, and that nobody writes, is removed", "path", p)
	if unwritten(r) {
		m.dropStaged(ctx, r.Mount, ufs.Staged(r.Rel, id))
	}
}
