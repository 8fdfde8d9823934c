package shell

import (
	"context"

	"goosefs/client"
)

func locationVerb() verb {
	return verb{
		name: "location", args: "<path> ...",
		summary:  "print the workers that hold bytes of files",
		examples: []string{"goosefs fs location /data/hbase-2.6.4-bin.tar.gz"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error {
				info, err := c.Stat(ctx, path, client.StatOptions{})
				if err != nil {
					return err
				}
				if info.Dir {
					return mustBeFile("location", path)
				}
				s.printf("%s with file id %d is on nodes: \n", s.name(info.Path), info.ID)
				for _, host := range hosts(info) {
					s.printf("%s\n", host)
				}
				return nil
			})
		},
	}
}

// hosts are those that hold bytes of a file, each once, in the order of the blocks.
func hosts(i client.Info) []string {
	var list []string
	seen := map[string]bool{}
	for _, b := range i.Blocks {
		for _, l := range b.Locations {
			if l.Cached() && !seen[l.Host] {
				seen[l.Host] = true
				list = append(list, l.Host)
			}
		}
	}
	return list
}
