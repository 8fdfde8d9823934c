package shell

import (
	"context"

	"goosefs/client"
)

func nsUpdateVerb() verb {
	return verb{
		name: "update", args: "[--readonly] [--shared] [--secret <key=val>] [--attribute <key=val>] <namespace>",
		summary: "change how a namespace is mounted",
		about: "What is not given stays: --readonly=false and --shared=false end that, and a property without a value, key=, is removed. " +
			"Nothing is changed if the under file system could not be read then.",
		examples: []string{"goosefs ns update --readonly data", "goosefs ns update --secret fs.cosn.userinfo.secretKey=y test_cos"},
		flags:    mountFlags,
		min:      1, max: 1,
		run: runNsUpdate,
	}
}

func runNsUpdate(ctx context.Context, s *session) error {
	name, err := namespaceName(s.arg(0))
	if err != nil {
		return err
	}
	var o client.NamespaceChange
	for flag, to := range map[string]**bool{"readonly": &o.ReadOnly, "shared": &o.Shared} {
		if s.flags.IsSet(flag) {
			*to = new(s.flags.Bool(flag))
		}
	}
	o.Options, o.Secrets = s.properties()
	if o.ReadOnly == nil && o.Shared == nil && len(o.Options) == 0 {
		return usagef("nothing to change is given: --readonly, --shared, --secret or --attribute")
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	if err := c.UpdateNamespace(ctx, name, o); err != nil {
		return err
	}
	return s.sayf("Update the namespace: %s\n", s.name(name))
}
