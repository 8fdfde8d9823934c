package shell

import (
	"context"

	"goosefs/client"
)

func getfaclVerb() verb {
	return verb{
		name: "getfacl", args: "<path> ...",
		summary: "print the access control lists of files and directories",
		about: "Owner and group come first, then the entries, then those that are inherited by what is made in the directory. Named users, " +
			"named groups and the group have at most what the mask gives.",
		examples: []string{"goosefs fs getfacl /data"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			o, err := s.fresh(false)
			if err != nil {
				return err
			}
			c, err := s.cluster()
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error {
				info, err := c.Stat(ctx, path, o)
				if err != nil {
					return err
				}
				return s.printACL(info)
			})
		},
	}
}

func (s *session) printACL(info client.Info) error {
	s.printf("# file: %s\n# owner: %s\n# group: %s\n", s.name(info.Path), s.name(info.Owner), s.name(info.Group))
	for _, text := range append(aclTexts(aclOf(info)), aclTexts(info.DefaultACL)...) {
		if err := s.printf("%s\n", s.name(text)); err != nil {
			return err
		}
	}
	return nil
}
