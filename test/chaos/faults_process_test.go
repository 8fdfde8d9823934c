package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processFaults happen to processes.
func processFaults() []fault {
	return []fault{
		{name: "kill-leader", what: "SIGKILL of the leader", inject: killLeader},
		{name: "kill-follower", what: "SIGKILL of a follower", inject: killFollower},
		{name: "kill-all", what: "SIGKILL of all masters, started again in any order", inject: killAll},
		{name: "stop-leader", what: "SIGTERM to the leader, as in a rolling restart", inject: stopLeader},
		{name: "pause-leader", what: "SIGSTOP of the leader for 1–5 s", inject: pauseLeader},
		{name: "pause-leader-long", what: "SIGSTOP of the leader for 10 s", inject: pauseLeaderLong},
		{name: "pause-majority", what: "SIGSTOP of any two for 0.3–2 s", inject: pauseMajority},
		{name: "lagging-follower", what: "a follower down until the log it needs is cut; the others restart; an image, killed on its way",
			properties: []string{"goosefs.master.journal.checkpoint.period.entries=300"}, inject: lagFollower},
		{name: "no-descriptors", what: "a master may open no more files or connections for 1–3 s", inject: exhaustDescriptors},
	}
}

// exhaustDescriptors: the master goes on with what it has open, and takes connections again afterwards.
func exhaustDescriptors(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(3) == 0 {
			m = s.any()
		}
		if err := s.withoutDescriptors(m); err != nil {
			return err
		}
	}
	return nil
}

// withoutDescriptors takes from a master what descriptors it does not use yet, while somebody new calls, and gives them
// back: then the caller is answered.
func (s *story) withoutDescriptors(m *master) error {
	pid := m.running().pid()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	var usual unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &usual); err != nil {
		return err
	}
	least := unix.Rlimit{Cur: uint64(len(open)), Max: usual.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &least, nil); err != nil {
		return err
	}
	caller, err := s.cluster.client()
	if err != nil {
		return err
	}
	defer caller.Close()
	asked := make(chan error, 1)
	go func() {
		_, err := caller.ClusterOf(s.ctx, s.cluster.address(m.host)) // answered or not, it makes the master accept
		asked <- err
	}()
	s.injected++
	s.hold(time.Second, 3*time.Second)
	<-asked
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &usual, nil); err != nil {
		return err
	}
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := caller.ClusterOf(context.Background(), s.cluster.address(m.host))
		if err == nil {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s may open files again and still takes no connection: %w", m.host.name, err)
		}
	}
}

func killLeader(s *story) error {
	for s.pause(500*time.Millisecond, 1200*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if m.kill() {
			s.injected++
		}
		s.pause(0, 1500*time.Millisecond)
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

func killFollower(s *story) error {
	for s.pause(200*time.Millisecond, 800*time.Millisecond) {
		m := s.follower()
		if m == nil {
			break
		}
		if m.kill() {
			s.injected++
		}
		s.pause(0, time.Second)
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

func killAll(s *story) error {
	for s.pause(800*time.Millisecond, 2*time.Second) {
		killed := true
		for _, m := range s.shuffled() {
			killed = m.kill() && killed
		}
		if killed {
			s.injected++
		}
		s.pause(0, 500*time.Millisecond)
		for _, m := range s.shuffled() {
			if err := m.start(); err != nil {
				return err
			}
			s.pause(0, 300*time.Millisecond)
		}
	}
	return nil
}

func stopLeader(s *story) error {
	for s.pause(500*time.Millisecond, 1200*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if err := m.stop(); err != nil {
			return err
		}
		s.injected++
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

func pauseLeader(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if m.pause() {
			s.injected++
		}
		s.hold(time.Second, 5*time.Second)
		m.resume()
	}
	return nil
}

// pauseLeaderLong outlasts the span: clients, elections and connections have long gone on when it comes back.
func pauseLeaderLong(s *story) error {
	s.pause(300*time.Millisecond, time.Second)
	m := s.leader()
	if m == nil {
		return errors.New("nobody leads")
	}
	if m.pause() {
		s.injected++
	}
	time.Sleep(10 * time.Second)
	m.resume()
	time.Sleep(time.Second)
	return nil
}

func pauseMajority(s *story) error {
	for s.pause(300*time.Millisecond, 1500*time.Millisecond) {
		two := s.shuffled()[:2]
		if two[0].pause() && two[1].pause() {
			s.injected++
		}
		s.pause(300*time.Millisecond, 2*time.Second)
		for _, m := range two {
			m.resume()
			s.pause(0, 200*time.Millisecond)
		}
	}
	return nil
}

// lagFollower makes an image necessary: while a follower is down the others cut their logs, and forget what they had
// in memory beyond that when they are killed. Its process is killed once more while it takes the image.
func lagFollower(s *story) error {
	m := s.follower()
	if m == nil {
		return errors.New("nobody leads")
	}
	images := m.logged("image installed")
	m.kill()
	for began := s.applied(); s.applied() < began+700; {
		if !s.pause(20*time.Millisecond, 50*time.Millisecond) {
			return errors.New("the others do not get on")
		}
	}
	for _, other := range s.cluster.others(m) {
		other.kill()
		if err := errors.Join(other.start(), s.cluster.await(upLimit, "two masters go on", serves)); err != nil {
			return err
		}
	}
	if err := m.start(); err != nil {
		return err
	}
	time.Sleep(time.Duration(s.rng.Int64N(int64(300 * time.Millisecond))))
	m.kill()
	if err := m.start(); err != nil {
		return err
	}
	for until := time.Now().Add(healLimit); m.logged("image installed") == images; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			return errors.New("no image comes")
		}
	}
	s.injected += m.logged("image installed") - images
	return nil
}
