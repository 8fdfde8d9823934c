package client

import (
	"context"
	"slices"
	"time"
)

// learnEvery is how often a client that is used asks who the masters are: some may have come since it was configured.
const learnEvery = 30 * time.Second

// Masters are the addresses, host:port, of all masters that this client knows: those of its configuration, and those
// that came later.
func (f *FS) Masters() []string { return f.masters.known() }

// LearnMasters asks the masters who they are now.
func (f *FS) LearnMasters(ctx context.Context) error {
	c, err := f.Cluster(ctx)
	if err == nil {
		f.masters.learn(c.Masters)
	}
	return err
}

// learnMasters asks the master at addr, in the background, if that was not done lately.
func (f *FS) learnMasters(addr string) {
	if !f.masters.due(time.Now()) {
		return
	}
	f.background(func(ctx context.Context) {
		if c, err := f.ClusterOf(ctx, addr); err == nil {
			f.masters.learn(c.Masters)
		}
	})
}

// due says whether it is time to ask, once.
func (m *masters) due(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.mu.asked) < learnEvery {
		return false
	}
	m.mu.asked = now
	return true
}

func (m *masters) learn(members []Master) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.learned = nil
	for _, member := range members {
		if member.Address != "" && !slices.Contains(m.addrs, member.Address) {
			m.mu.learned = append(m.mu.learned, member.Address)
		}
	}
}

func (m *masters) known() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.knownLocked()
}

// knownLocked begins with those of the configuration, in its order.
func (m *masters) knownLocked() []string { return append(slices.Clone(m.addrs), m.mu.learned...) }
