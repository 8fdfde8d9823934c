package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"goosefs/client"
)

func reportCapacity(ctx context.Context, s *session, c cluster) error {
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	which, workers, err := chosenWorkers(s, workers)
	if err != nil {
		return err
	}
	if len(workers) == 0 {
		return s.printf("No workers found.\n")
	}
	all := storageOf(workers)
	s.printf("Capacity information for %s workers: \n", which)
	s.printStorage(all)
	if all.quota > 0 {
		used := percent(all.used, all.quota)
		s.printf("    Used Percentage: %d%%\n", used)
		s.printf("    Free Percentage: %d%%\n", 100-used)
	}
	s.printf("\n")
	// Fluid joins these lines two by two.
	for _, line := range workerTable(workers, all.tiers) {
		s.printf("%s\n", line)
	}
	return nil
}

// chosenWorkers are those that the flags choose, and a word for the choice.
func chosenWorkers(s *session, workers []client.Worker) (which string, chosen []client.Worker, err error) {
	live, lost := byLife(workers)
	hosts := s.flags.String("workers")
	switch {
	case s.flags.Bool("live") && s.flags.Bool("lost"), hosts != "" && (s.flags.Bool("live") || s.flags.Bool("lost")):
		return "", nil, usagef("only one of -live, -lost and -workers can be given")
	case s.flags.Bool("live"):
		return "live", live, nil
	case s.flags.Bool("lost"):
		return "lost", lost, nil
	case hosts == "":
		return "all", workers, nil
	}
	for _, host := range strings.Split(hosts, ",") {
		found := false
		for _, w := range workers {
			if w.Host == host {
				chosen, found = append(chosen, w), true
			}
		}
		if !found {
			return "", nil, usagef("there is no worker %q", host)
		}
	}
	return "specified", chosen, nil
}

// workerTable is a header and two lines for each worker, by the time since it was last heard of.
func workerTable(workers []client.Worker, tiers []client.Tier) []string {
	workers = slices.Clone(workers)
	slices.SortStableFunc(workers, func(a, b client.Worker) int {
		return cmp.Or(cmp.Compare(a.LastContact/time.Second, b.LastContact/time.Second), cmp.Compare(a.Host, b.Host))
	})
	width := 16
	for _, w := range workers {
		if len(w.Host) >= width {
			width = len(w.Host) + 6
		}
	}
	row := func(cells ...string) string {
		line := fmt.Sprintf("%-*s %-16s %-13s ", width, cells[0], cells[1], cells[2])
		if len(tiers) == 1 {
			return line + cells[4]
		}
		line += fmt.Sprintf("%-16s ", cells[3])
		for _, cell := range cells[4:] {
			line += fmt.Sprintf("%-13s ", cell) // a blank stays between wide ones
		}
		return line
	}
	header := []string{"Worker Name", "Last Heartbeat", "Storage", "Total"}
	for _, t := range tiers {
		header = append(header, t.Alias)
	}
	lines := []string{row(header...)}
	for _, w := range workers {
		own := storageOf([]client.Worker{w})
		quota := []string{w.Host, fmt.Sprint(int64(w.LastContact / time.Second)), "capacity", humanSize(own.quota)}
		used := []string{"", "", "used", usedText(own.used, own.quota)}
		for _, t := range tiers {
			i := slices.IndexFunc(own.tiers, func(x client.Tier) bool { return x.Alias == t.Alias })
			if i < 0 {
				quota, used = append(quota, "-"), append(used, "-")
				continue
			}
			quota = append(quota, humanSize(own.tiers[i].Quota))
			used = append(used, usedText(own.tiers[i].Used, own.tiers[i].Quota))
		}
		lines = append(lines, row(quota...), row(used...))
	}
	return lines
}

func usedText(used, quota int64) string {
	return fmt.Sprintf("%s (%d%%)", humanSize(used), percent(used, quota))
}
