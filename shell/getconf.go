package shell

import (
	"context"
	"strings"
	"time"

	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

func getConfVerb() verb {
	return verb{
		name: "getConf", args: "[--source] [--unit <unit>] [key]",
		summary: "print the configuration, or one property of it",
		about:   "Without a key it prints all properties. Values that are secret are shown as ******.",
		examples: []string{"goosefs getConf goosefs.master.rpc.port", "goosefs getConf --source",
			"goosefs getConf --unit KB goosefs.user.block.size.bytes.default"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("source", "print where values come from"),
				&cli.StringFlag{Name: "unit", Usage: "print a size in B, KB, MB, GB, TB or PB, or a time in MS, S, M, H or D"},
			}
		},
		max: 1,
		run: runGetConf,
	}
}

func runGetConf(_ context.Context, s *session) error {
	c, err := s.conf()
	if err != nil {
		return err
	}
	key, unit, source := s.arg(0), s.flags.String("unit"), s.flags.Bool("source")
	if key == "" {
		if unit != "" {
			return usagef("--unit needs a key")
		}
		for _, e := range c.All() {
			line := e.Name + "=" + e.Shown()
			if source {
				line += " (" + e.Source + ")"
			}
			if err := s.printf("%s\n", line); err != nil {
				return err
			}
		}
		return nil
	}
	e, ok := c.Lookup(key)
	switch {
	case !ok:
		return unknownKey(c, key)
	case source:
		return s.printf("%s\n", e.Source)
	case unit == "" || e.Value == "" || e.Secret:
		return s.printf("%s\n", e.Shown())
	}
	n, err := inUnit(e.Value, unit)
	if err != nil {
		return usagef("%s: %v", key, err)
	}
	return s.printf("%d\n", n)
}

func unknownKey(c *conf.Conf, key string) error {
	var names []string
	for _, e := range c.All() {
		names = append(names, e.Name)
	}
	if near := nearest(key, names); near != "" {
		return usagef("%s is not a valid configuration key; did you mean %s?", key, near)
	}
	return usagef("%s is not a valid configuration key", key)
}

// inUnit converts a size or a time, rounding down.
func inUnit(value, unit string) (int64, error) {
	sizes := map[string]int64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
	times := map[string]time.Duration{"MS": time.Millisecond, "S": time.Second, "M": time.Minute, "H": time.Hour, "D": 24 * time.Hour}
	unit = strings.ToUpper(unit)
	if n, ok := sizes[unit]; ok {
		bytes, err := conf.ParseSize(value)
		return bytes / n, err
	}
	if n, ok := times[unit]; ok {
		d, err := conf.ParseDuration(value)
		return int64(d / n), err
	}
	return 0, usagef("unit %q is not valid; one of B, KB, MB, GB, TB, PB, MS, S, M, H, D", unit)
}
