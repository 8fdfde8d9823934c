package shell

import (
	"context"

	"github.com/urfave/cli/v2"
)

func reportVerb() verb {
	return verb{
		name: "report", args: "[summary|capacity|ufs|metrics|lost] [-live|-lost|-workers <worker names>]",
		summary: "print how the cluster is: in short, by worker, by mount, in numbers, or which files lost bytes",
		about: "summary is printed when nothing else is asked for. The flags choose the workers of capacity, all by default. " +
			"lost lists files that were only cached and of which bytes are gone with their worker: they are back when it is. " +
			"It fails unless a master leads.",
		examples: []string{"goosefs fsadmin report", "goosefs fsadmin report capacity -live", "goosefs fsadmin report metrics"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("live", "live workers only"),
				toggle("lost", "lost workers only"),
				&cli.StringFlag{Name: "workers", Usage: "these workers only, `host,host…`"},
			}
		},
		max: 1,
		run: runReport,
	}
}

func runReport(ctx context.Context, s *session) error {
	kinds := map[string]func(context.Context, *session, cluster) error{
		"summary": reportSummary, "capacity": reportCapacity, "ufs": reportUFS, "metrics": reportMetrics, "lost": reportLost,
	}
	kind := s.arg(0)
	if kind == "" {
		kind = "summary"
	}
	report, ok := kinds[kind]
	if !ok {
		text := "report " + oneLine(kind) + " is an unknown report."
		if near := nearest(kind, sortedNames(kinds)); near != "" {
			text += " Did you mean " + near + "?"
		}
		return usagef("%s", text)
	}
	chosen := s.flags.Bool("live") || s.flags.Bool("lost") || s.flags.String("workers") != ""
	if chosen && kind != "capacity" {
		return usagef("-live, -lost and -workers go with report capacity, not with %s", kind)
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return report(ctx, s, c)
}
