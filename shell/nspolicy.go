package shell

import (
	"context"

	"goosefs/client"
)

func setPolicyVerb() verb {
	return verb{
		name: "setPolicy", args: "[--wPolicy <1-6>] [--rPolicy <1-5>] <namespace>",
		summary:  "say where new files of a namespace go, and whether what is read is kept",
		about:    "A policy that is not given stays. Files that are there stay as they are.",
		examples: []string{"goosefs ns setPolicy --wPolicy 3 --rPolicy 2 data"},
		flags:    policyFlags,
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			write, read, err := s.policies()
			if err != nil {
				return err
			}
			if write == 0 && read == 0 {
				return usagef("no policy is given: --wPolicy, --rPolicy or both")
			}
			var o client.NamespacePolicy
			if write != 0 {
				o.Write = &write
			}
			if read != 0 {
				o.Read = &read
			}
			return s.setPolicy(ctx, o, "Set the policy of namespace: %s\n")
		},
	}
}

func unsetPolicyVerb() verb {
	return verb{
		name: "unsetPolicy", args: "<namespace>",
		summary:  "make the policies of a namespace those of a new one, CACHE_THROUGH and CACHE",
		examples: []string{"goosefs ns unsetPolicy data"},
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			o := client.NamespacePolicy{Write: new(client.WriteType(0)), Read: new(client.ReadPolicy(0))}
			return s.setPolicy(ctx, o, "Unset the policy of namespace: %s\n")
		},
	}
}

// setPolicy changes the namespace that the first argument names, and says so.
func (s *session) setPolicy(ctx context.Context, o client.NamespacePolicy, said string) error {
	name, c, err := s.namespace()
	if err != nil {
		return err
	}
	if err := c.SetNamespacePolicy(ctx, name, o); err != nil {
		return err
	}
	return s.sayf(said, s.name(name))
}
