package chaos

import (
	"errors"
	"time"
)

// networkFaults happen to links.
func networkFaults() []fault {
	return []fault{
		{name: "cut-leader", what: "the leader cut off from the other masters, not from clients", inject: cutLeader},
		{name: "cut-follower", what: "a follower cut off from the other masters", inject: cutFollower},
		{name: "cut-three-ways", what: "no master reaches another", inject: cutThreeWays},
		{name: "cut-one-way", what: "one of a master's two directions lost to both others", inject: cutOneWay},
		{name: "cut-bridge", what: "the leader and one follower do not reach each other, but the third", inject: cutBridge},
		{name: "cut-flapping", what: "the leader cut off for 0.3 s, every 0.6 s", inject: cutFlapping},
		{name: "cut-clients", what: "clients cut off from the leader, which goes on leading", inject: cutClients},
		{name: "packet-loss", what: "30 % of all packets between masters lost", inject: packetLoss},
		{name: "reset", what: "all connections of the leader reset, for 0.5 s", inject: resetLeader},
		{name: "slow-link", what: "1 Mbit/s out of the leader", tools: []string{"tc"}, inject: slowLink},
		{name: "latency", what: "75 ± 50 ms between masters, each way", relayed: &delay{25 * time.Millisecond, 125 * time.Millisecond}, inject: latency},
	}
}

// cut is which packets a master does not get.
type cut struct {
	at   *master
	rule string
}

// cuts makes cuts, keeps them for a while, and heals them. What was cut for nobody's packets did not happen.
func (s *story) cuts(least, most time.Duration, cuts ...cut) error {
	for _, c := range cuts {
		if err := c.at.host.filter(c.rule); err != nil {
			return err
		}
	}
	s.hold(least, most)
	return s.mend()
}

// mend ends all cuts, and counts the fault if there were any that packets met.
func (s *story) mend() error {
	var errs []error
	met := 0
	for _, h := range s.cluster.network.hosts() {
		packets, err := h.unfilter()
		met += packets
		errs = append(errs, err)
	}
	if met > 0 {
		s.injected++
	}
	return errors.Join(errs...)
}

// apart cuts a master off from the other masters, both ways.
func (s *story) apart(m *master) (cuts []cut) {
	cuts = append(cuts, cut{m, drop(hostsOf(s.cluster.others(m)...)...)})
	for _, o := range s.cluster.others(m) {
		cuts = append(cuts, cut{o, drop(m.host)})
	}
	return cuts
}

func cutLeader(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if err := s.cuts(time.Second, 4*time.Second, s.apart(m)...); err != nil {
			return err
		}
	}
	return nil
}

func cutFollower(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.follower()
		if m == nil {
			break
		}
		if err := s.cuts(time.Second, 4*time.Second, s.apart(m)...); err != nil {
			return err
		}
	}
	return nil
}

func cutThreeWays(s *story) error {
	for s.pause(300*time.Millisecond, 1500*time.Millisecond) {
		var all []cut
		for _, m := range s.cluster.masters {
			all = append(all, s.apart(m)...)
		}
		if err := s.cuts(500*time.Millisecond, 3*time.Second, all...); err != nil {
			return err
		}
	}
	return nil
}

// cutOneWay lets a master speak and not hear, or hear and not be heard. Mostly it is the leader.
func cutOneWay(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(3) == 0 {
			m = s.any()
		}
		cuts := s.apart(m)
		if s.rng.IntN(2) == 0 {
			cuts = cuts[:1] // deaf
		} else {
			cuts = cuts[1:] // mute
		}
		if err := s.cuts(time.Second, 4*time.Second, cuts...); err != nil {
			return err
		}
	}
	return nil
}

// cutBridge always cuts at the leader: two followers have nothing to say to each other.
func cutBridge(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		a := s.leader()
		if a == nil {
			break
		}
		b := s.cluster.others(a)[s.rng.IntN(2)]
		if err := s.cuts(time.Second, 4*time.Second, cut{a, drop(b.host)}, cut{b, drop(a.host)}); err != nil {
			return err
		}
	}
	return nil
}

func cutFlapping(s *story) error {
	for s.pause(300*time.Millisecond, 300*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if err := s.cuts(300*time.Millisecond, 300*time.Millisecond, s.apart(m)...); err != nil {
			return err
		}
	}
	return nil
}

func cutClients(s *story) error {
	for s.pause(300*time.Millisecond, 1500*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if err := s.cuts(500*time.Millisecond, 2*time.Second, cut{m, drop(s.cluster.network.clients)}); err != nil {
			return err
		}
	}
	return nil
}

func packetLoss(s *story) error {
	for s.pause(200*time.Millisecond, 800*time.Millisecond) {
		var cuts []cut
		for _, m := range s.cluster.masters {
			cuts = append(cuts, cut{m, dropSome(30, hostsOf(s.cluster.others(m)...)...)})
		}
		if err := s.cuts(2*time.Second, 4*time.Second, cuts...); err != nil {
			return err
		}
	}
	return nil
}

func resetLeader(s *story) error {
	for s.pause(300*time.Millisecond, 1500*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		from := append(hostsOf(s.cluster.others(m)...), s.cluster.network.clients)
		if err := s.cuts(500*time.Millisecond, 500*time.Millisecond, cut{m, reset(from...)}); err != nil {
			return err
		}
	}
	return nil
}

func slowLink(s *story) error {
	for s.pause(200*time.Millisecond, 800*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if _, err := command("tc", "-n", m.host.ns, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "8kb", "latency", "400ms"); err != nil {
			return err
		}
		s.injected++
		s.hold(2*time.Second, 4*time.Second)
		if _, err := command("tc", "-n", m.host.ns, "qdisc", "del", "dev", "eth0", "root"); err != nil {
			return err
		}
	}
	return nil
}

// latency is there all the time, through the relay; besides, the leader is changed once.
func latency(s *story) error {
	s.injected++
	s.pause(time.Second, 3*time.Second)
	m := s.leader()
	if m == nil {
		return errors.New("nobody leads")
	}
	m.kill()
	return m.start()
}
