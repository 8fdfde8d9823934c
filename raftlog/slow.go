package raftlog

import (
	"sync"
	"time"
)

// slowSync is how long a sync of the journal takes at most on a disk that is well.
const slowSync = time.Second

// slowness knows since when every sync of the journal has been slow. The journal goroutine tells it, anybody asks.
type slowness struct {
	mu struct {
		sync.Mutex
		began time.Time // of the sync under way; zero: there is none
		since time.Time // when the first of the slow syncs in a row began; zero: the last one was not slow
	}
}

func (s *slowness) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.began = now
}

func (s *slowness) end(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Sub(s.mu.began) <= slowSync:
		s.mu.since = time.Time{}
	case s.mu.since.IsZero():
		s.mu.since = s.mu.began
	}
	s.mu.began = time.Time{}
}

// lasts is for how long syncs have been slow; 0: the last one was not. One that is under way counts once it is slow.
func (s *slowness) lasts(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.mu.since
	if since.IsZero() && !s.mu.began.IsZero() && now.Sub(s.mu.began) > slowSync {
		since = s.mu.began
	}
	if since.IsZero() {
		return 0
	}
	return now.Sub(since)
}

// Slow is for how long each sync of this member's journal has taken more than a second; 0 if the last did not. A leader
// like that does better to let another one lead.
func (l *Log) Slow() time.Duration { return l.slow.lasts(time.Now()) }
