package shell

import (
	"context"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func nsCreateVerb() verb {
	return verb{
		name: "create", args: "[--wPolicy <1-6>] [--rPolicy <1-5>] [--readonly] [--shared] [--secret <key=val>] [--attribute <key=val>] <namespace> <ufsURI>",
		summary: "make an under file system appear at / and a name, with policies for its files",
		about:   "Policies are CACHE_THROUGH and CACHE if they are not given. A write type that is named for a file goes before the policy.",
		examples: []string{"goosefs ns create data https://example.org/data/ --rPolicy 2",
			"goosefs ns create test_cos cosn://example-1250000000/ --wPolicy 1 --rPolicy 1 --secret fs.cosn.userinfo.secretKey=x --attribute fs.cosn.bucket.region=ap-guangzhou"},
		flags: func() []cli.Flag { return append(policyFlags(), mountFlags()...) },
		min:   2, max: 2,
		run: runNsCreate,
	}
}

func runNsCreate(ctx context.Context, s *session) error {
	name, err := namespaceName(s.arg(0))
	if err != nil {
		return err
	}
	write, read, err := s.policies()
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	o := client.NamespaceOptions{ReadOnly: s.flags.Bool("readonly"), Shared: s.flags.Bool("shared"), Write: write, Read: read}
	o.Options, o.Secrets = s.properties()
	if err := c.CreateNamespace(ctx, name, s.arg(1), o); err != nil {
		return err
	}
	return s.sayf("Create the namespace: %s\n", s.name(name))
}
