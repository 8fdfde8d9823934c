package shell

import (
	"context"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func setfaclVerb() verb {
	return verb{
		name: "setfacl", args: "[-d] [-R] [--set|-m|-x <acl_entries> <path>] | [-b|-k <path>]",
		summary: "change the access control list of a file or directory",
		about: "Entries are separated by commas, such as user::rwx,user:alice:r-x,group::r-x,mask::r-x,other::---, or default:user:alice:rwx, " +
			"which is inherited by what is made in the directory. --set needs those of user::, group:: and other::. Where no mask is given it " +
			"becomes what all named ones and the group have together; the mode shows it in place of the group's rights.",
		examples: []string{
			"goosefs fs setfacl -m user:alice:rwx,default:user:alice:rwx /data", "goosefs fs setfacl -R -x user:alice /data", "goosefs fs setfacl -b /data",
		},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("d", "all entries are default entries"),
				toggle("R", "change all that is below, too"),
				&cli.StringFlag{Name: "set", Usage: "the entries are the list from now on"},
				&cli.StringFlag{Name: "m", Usage: "the entries come, or take the places of those about the same"},
				&cli.StringFlag{Name: "x", Usage: "the entries go; they are written without rights"},
				toggle("b", "all entries go but those of owner, group and others, which the mode has"),
				toggle("k", "all default entries go"),
			}
		},
		min: 1, max: 1,
		run: runSetfacl,
	}
}

func runSetfacl(ctx context.Context, s *session) error {
	action, entries, err := s.aclChange()
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return s.each(ctx, 0, func(path string) error { return c.SetACL(ctx, path, action, entries, s.flags.Bool("R")) })
}

// aclChange reads the one change that the flags say.
func (s *session) aclChange() (action client.ACLAction, entries []client.ACLEntry, err error) {
	given := 0
	for flag, does := range map[string]client.ACLAction{"set": client.ACLReplace, "m": client.ACLModify, "x": client.ACLRemove, "b": client.ACLRemoveAll, "k": client.ACLRemoveDefault} {
		if s.flags.IsSet(flag) {
			given, action = given+1, does
			entries, err = nil, nil
			if does == client.ACLReplace || does == client.ACLModify || does == client.ACLRemove {
				entries, err = parseACL(s.flags.String(flag), does != client.ACLRemove, s.flags.Bool("d"))
			}
		}
	}
	if given != 1 {
		return action, nil, usagef("Command setfacl takes one of --set, -m, -x, -b and -k, not %d", given)
	}
	return action, entries, err
}
