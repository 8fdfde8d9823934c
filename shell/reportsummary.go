package shell

import (
	"context"
	"fmt"
	"net"
	"time"

	"goosefs/client"
)

func reportSummary(ctx context.Context, s *session, c cluster) error {
	clock, err := s.clock()
	if err != nil {
		return err
	}
	state, err := leading(ctx, c)
	if err != nil {
		return err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	live, lost := byLife(workers)
	_, port, _ := net.SplitHostPort(state.Leader)

	s.printf("GooseFS cluster summary: \n")
	s.printf("    Master Address: %s\n", state.Leader)
	s.printf("    Web Port: %d\n", state.WebPort)
	s.printf("    Rpc Port: %s\n", port)
	s.printf("    Started: %s\n", clock(state.Started))
	s.printf("    Uptime: %s\n", uptime(state.Now.Sub(state.Started)))
	s.printf("    Version: %s\n", state.Version)
	s.printf("    Safe Mode: %t\n", state.SafeMode)
	s.printf("    Zookeeper Enabled: false\n") // masters agree among themselves
	s.printf("    Live Workers: %d\n", len(live))
	s.printf("    Lost Workers: %d\n", len(lost))
	all := storageOf(live)
	s.printStorage(all)
	return s.printf("    Free Capacity: %s\n", humanSize(max(0, all.quota-all.used)))
}

// leading is what the leader says of the cluster.
func leading(ctx context.Context, c cluster) (client.Cluster, error) {
	leader, err := c.Leader(ctx)
	if err != nil {
		return client.Cluster{}, err
	}
	state, err := c.ClusterOf(ctx, leader)
	if err != nil {
		return client.Cluster{}, err
	}
	state.Leader = leader
	return state, nil
}

// printStorage prints total and used capacity, of all and of each tier.
func (s *session) printStorage(all storage) {
	s.printf("    Total Capacity: %s\n", humanSize(all.quota))
	for _, t := range all.tiers {
		s.printf("        Tier: %s  Size: %s\n", t.Alias, humanSize(t.Quota))
	}
	s.printf("    Used Capacity: %s\n", humanSize(all.used))
	for _, t := range all.tiers {
		s.printf("        Tier: %s  Size: %s\n", t.Alias, humanSize(t.Used))
	}
}

func uptime(d time.Duration) string {
	seconds := int64(max(0, d).Seconds())
	return fmt.Sprintf("%d day(s), %d hour(s), %d minute(s), and %d second(s)",
		seconds/86400, seconds/3600%24, seconds/60%60, seconds%60)
}
