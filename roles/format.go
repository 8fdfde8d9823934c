package roles

import (
	"fmt"
	"io"
	"os"

	"goosefs/blockcache"
	"goosefs/conf"
	"goosefs/raftlog"

	"github.com/urfave/cli/v2"
)

func (e Env) formatMasterCommand() *cli.Command {
	return e.formatCommand("formatMaster", "forget the namespace: empty this master's journal and metastore", conf.RoleMaster, formatMaster)
}

func (e Env) formatJournalCommand() *cli.Command {
	return e.formatCommand("formatJournal", "the same as formatMaster: the journal and the metastore go together", conf.RoleMaster, formatMaster)
}

func (e Env) formatWorkerCommand() *cli.Command {
	return e.formatCommand("formatWorker", "empty this worker's cache", conf.RoleWorker, formatWorker)
}

func (e Env) formatCommand(name, usage string, role conf.Role, format func(c *conf.Conf, keep bool, w io.Writer) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, UsageText: "goosefs " + name + " [-s]",
		Description: "It is refused while a process uses the folders. The under file systems are not touched.\n\n" +
			"Examples:\n  goosefs " + name + "\n  goosefs " + name + " -s",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "s", Usage: "only if there is nothing yet: what is there stays"}},
		Action: func(c *cli.Context) error {
			cfg, err := e.load(role, c.App.ErrWriter)
			if err == nil {
				err = format(cfg, c.Bool("s"), c.App.Writer)
			}
			if err != nil {
				return failure(err)
			}
			return nil
		},
	}
}

// FormatMaster empties this host's master, as its configuration has it.
func (e Env) FormatMaster(c *cli.Context, w io.Writer) error {
	cfg, err := e.load(conf.RoleMaster, c.App.ErrWriter)
	if err != nil {
		return err
	}
	return formatMaster(cfg, false, w)
}

// formatMaster empties the journal and the metastore; one is worth nothing without the other. With keep it leaves alone
// what is there.
func formatMaster(c *conf.Conf, keep bool, w io.Writer) error {
	journal, metastore := c.String("goosefs.master.journal.folder"), c.String("goosefs.master.metastore.dir")
	if keep && filled(journal) {
		return nil
	}
	if err := raftlog.Format(journal); err != nil {
		return err
	}
	fmt.Fprintln(w, "Formatted", journal)
	if err := os.RemoveAll(metastore); err != nil {
		return err
	}
	fmt.Fprintln(w, "Formatted", metastore)
	return os.MkdirAll(metastore, 0o700)
}

// formatWorker empties the folders of the tiers.
func formatWorker(c *conf.Conf, keep bool, w io.Writer) error {
	tiers, err := c.Tiers()
	if err != nil {
		return err
	}
	for _, t := range tiers {
		for _, d := range t.Dirs {
			if keep && filled(d.Path) {
				continue
			}
			err := blockcache.Format(blockcache.Options{Tiers: []blockcache.Tier{{Alias: t.Alias, Dirs: []blockcache.Dir{{Path: d.Path, Quota: d.Quota}}}}})
			if err != nil {
				return err
			}
			fmt.Fprintln(w, "Formatted", d.Path)
		}
	}
	return nil
}

// filled says whether a folder is there and holds something.
func filled(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && len(entries) > 0
}
