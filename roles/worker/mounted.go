package worker

import (
	"io"
	"sync"
	"time"

	"goosefs/ufs"

	"golang.org/x/sync/semaphore"
)

// mounted is an open under file system, for as long as its mount stays as it is. It is closed when it is retired and
// the last flight has left it.
type mounted struct {
	uri      string
	options  map[string]string
	ufs      ufs.UFS
	fetching *semaphore.Weighted // bytes: the mount's share of what is being fetched
	pace     pace

	mu struct {
		sync.Mutex
		users   int
		used    time.Time // last
		retired bool
	}
}

// enter begins a use of the under file system; leave ends it. It is false if the mount is another now.
func (m *mounted) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.retired {
		return false
	}
	m.mu.users++
	return true
}

func (m *mounted) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.users--
	m.mu.used = time.Now()
	m.closeUnusedLocked()
}

// idle says that nobody uses the under file system, nor has since then.
func (m *mounted) idle(since time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.users == 0 && m.mu.used.Before(since)
}

// retire lets nobody enter any more.
func (m *mounted) retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.mu.retired {
		m.mu.retired = true
		m.closeUnusedLocked()
	}
}

func (m *mounted) closeUnusedLocked() {
	if !m.mu.retired || m.mu.users > 0 {
		return
	}
	if c, ok := m.ufs.(io.Closer); ok {
		c.Close() // it was only read
	}
}
