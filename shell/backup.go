package shell

import (
	"context"

	"github.com/urfave/cli/v2"
)

func backupVerb() verb {
	return verb{
		name: "backup", args: "[DIRECTORY] [--local]", max: 1,
		summary: "write the namespace to a file on the leading master's host",
		about: "A new cluster can begin with it: goosefs master --restore FILE. DIRECTORY is on the host of the master that leads; " +
			"the default is goosefs.master.backup.directory.",
		examples: []string{"goosefs fsadmin backup", "goosefs fsadmin backup /mnt/backups"},
		flags: func() []cli.Flag {
			return []cli.Flag{toggle("local", "the directory is one of the master's host, as it always is here")}
		},
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			b, err := c.Backup(ctx, s.arg(0))
			if err != nil {
				return err
			}
			// Programs read the second line.
			s.printf("Backup Host        : %s\n", b.Host)
			s.printf("Backup URI         : %s\n", b.Path)
			return s.printf("Backup Entry Count : %d\n", b.Entries)
		},
	}
}
