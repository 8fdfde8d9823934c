package shell

import (
	"cmp"
	"context"
	"slices"

	"goosefs/client"
)

func getCapacityBytesVerb() verb {
	return verb{
		name: "getCapacityBytes", summary: "print how much the live workers may cache, in bytes",
		examples: []string{"goosefs fs getCapacityBytes"},
		run: func(ctx context.Context, s *session) error {
			all, err := s.liveStorage(ctx)
			if err == nil {
				s.printf("Capacity Bytes: %d\n", all.quota)
			}
			return err
		},
	}
}

func getUsedBytesVerb() verb {
	return verb{
		name: "getUsedBytes", summary: "print how much the live workers have cached, in bytes",
		examples: []string{"goosefs fs getUsedBytes"},
		run: func(ctx context.Context, s *session) error {
			all, err := s.liveStorage(ctx)
			if err == nil {
				s.printf("Used Bytes: %d\n", all.used)
			}
			return err
		},
	}
}

func (s *session) liveStorage(ctx context.Context) (storage, error) {
	c, err := s.cluster()
	if err != nil {
		return storage{}, err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return storage{}, err
	}
	live, _ := byLife(workers)
	return storageOf(live), nil
}

// storage is what workers have together, in bytes.
type storage struct {
	quota, used int64
	tiers       []client.Tier // one of each alias, the fastest first
}

func storageOf(workers []client.Worker) storage {
	var all storage
	for _, w := range workers {
		for _, t := range w.Tiers {
			all.quota += t.Quota
			all.used += t.Used
			i := slices.IndexFunc(all.tiers, func(x client.Tier) bool { return x.Alias == t.Alias })
			if i < 0 {
				i = len(all.tiers)
				all.tiers = append(all.tiers, client.Tier{Alias: t.Alias})
			}
			all.tiers[i].Quota += t.Quota
			all.tiers[i].Used += t.Used
		}
	}
	slices.SortFunc(all.tiers, func(a, b client.Tier) int {
		return cmp.Or(cmp.Compare(speed(a.Alias), speed(b.Alias)), cmp.Compare(a.Alias, b.Alias))
	})
	return all
}

// speed ranks media; unknown ones come last.
func speed(alias string) int {
	known := []string{"MEM", "SSD", "HDD"}
	if i := slices.Index(known, alias); i >= 0 {
		return i
	}
	return len(known)
}

// byLife parts workers into those that report and those that ceased to.
func byLife(workers []client.Worker) (live, lost []client.Worker) {
	for _, w := range workers {
		if w.Live {
			live = append(live, w)
		} else {
			lost = append(lost, w)
		}
	}
	return live, lost
}
