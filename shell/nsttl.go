package shell

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goosefs/client"
	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

// ttlActions are what --action can be.
func ttlActions() map[string]client.TTLAction {
	actions := map[string]client.TTLAction{}
	for _, a := range []client.TTLAction{client.TTLDelete, client.TTLDeleteOnlyGoosefs, client.TTLFree} {
		actions[strings.ToLower(a.String())] = a
	}
	return actions
}

func nsSetTTLVerb() verb {
	return verb{
		name: "setTtl", args: "[--action delete|delete_only_goosefs|free] <namespace> <time to live>",
		summary: "say how long files of a namespace live, from their creation on",
		about: "The time is in milliseconds, or has a unit: 90s, 12h, 7d. A file that was found in the under file system was created then. " +
			"Files go some time later, when the leader next looks (goosefs.master.ttl.checker.interval); directories stay, and what is in a deeper mount.\n\n" +
			"delete removes files from the under file system, too. free drops what is cached, once, of what the under file system has. " +
			"delete_only_goosefs removes them from the namespace and the cache: the under file system keeps them, and the next listing finds them again; " +
			"those that are only cached are lost.",
		examples: []string{"goosefs ns setTtl --action free data 604800000", "goosefs ns setTtl --action free data 7d"},
		flags: func() []cli.Flag {
			return []cli.Flag{&cli.StringFlag{Name: "action", Usage: "what happens to them then", Value: "delete"}}
		},
		min: 2, max: 2,
		run: func(ctx context.Context, s *session) error {
			action, err := choose(s, "action", ttlActions())
			if err != nil {
				return err
			}
			ttl, err := parseTTL(s.arg(1))
			if err != nil {
				return err
			}
			said := fmt.Sprintf("TTL of namespace '%%s' was successfully set to %d milliseconds, with expiry action set to %v\n", ttl.Milliseconds(), action)
			return s.setPolicy(ctx, client.NamespacePolicy{TTL: &ttl, Action: &action}, said)
		},
	}
}

// parseTTL reads milliseconds, or a duration with its unit.
func parseTTL(text string) (time.Duration, error) {
	ttl, err := conf.ParseDuration(text)
	if err != nil {
		return 0, usagef("time to live: %v", err)
	}
	if ttl < time.Millisecond {
		return 0, usagef("%q is no time to live: it is one millisecond or more; goosefs ns unsetTtl lets files live for ever", text)
	}
	return ttl, nil
}

func nsUnsetTTLVerb() verb {
	return verb{
		name: "unsetTtl", args: "<namespace>",
		summary:  "let files of a namespace live for ever",
		examples: []string{"goosefs ns unsetTtl data"},
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			o := client.NamespacePolicy{TTL: new(time.Duration(0)), Action: new(client.TTLDelete)}
			return s.setPolicy(ctx, o, "TTL of namespace '%s' was successfully removed.\n")
		},
	}
}
