package roles

import (
	"fmt"
	"os"
	"path/filepath"

	"goosefs/conf"

	"github.com/gofrs/flock"
	"github.com/urfave/cli/v2"
)

func (e Env) formatMasterCommand() *cli.Command {
	return e.formatCommand("formatMaster", "forget the namespace: empty this master's journal and metastore", conf.RoleMaster, masterFolders)
}

func (e Env) formatJournalCommand() *cli.Command {
	return e.formatCommand("formatJournal", "the same as formatMaster: the journal and the metastore go together", conf.RoleMaster, masterFolders)
}

func (e Env) formatWorkerCommand() *cli.Command {
	return e.formatCommand("formatWorker", "empty this worker's cache", conf.RoleWorker, workerFolders)
}

func masterFolders(c *conf.Conf) ([]string, error) {
	return []string{c.String("goosefs.master.journal.folder"), c.String("goosefs.master.metastore.dir")}, nil
}

func workerFolders(c *conf.Conf) (folders []string, err error) {
	tiers, err := c.Tiers()
	for _, t := range tiers {
		for _, d := range t.Dirs {
			folders = append(folders, d.Path)
		}
	}
	return folders, err
}

func (e Env) formatCommand(name, usage string, role conf.Role, folders func(*conf.Conf) ([]string, error)) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, UsageText: "goosefs " + name + " [-s]",
		Description: "It is refused while the process runs that uses the folders. The under file systems are not touched.\n\n" +
			"Examples:\n  goosefs " + name + "\n  goosefs " + name + " -s",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "s", Usage: "only if there is nothing yet: keeps what is there"}},
		Action: func(c *cli.Context) error {
			cfg, err := e.load(role, c.App.ErrWriter)
			if err != nil {
				return failure(err)
			}
			list, err := folders(cfg)
			if err != nil {
				return failure(err)
			}
			for _, folder := range list {
				if err := format(folder, c.Bool("s")); err != nil {
					return failure(err)
				}
				fmt.Fprintln(c.App.Writer, "Formatted", folder)
			}
			return nil
		},
	}
}

// lockNames are the files by which a running process holds a folder.
var lockNames = [...]string{"lock", "LOCK", ".lock", "goosefs.lock", "goosefs-worker.lock"}

// format empties a folder that belongs to goosefs. With keep it only makes it.
func format(folder string, keep bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if keep && len(entries) > 0 {
		return nil
	}
	for _, name := range lockNames {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		lock := flock.New(path)
		held, err := lock.TryLock()
		if err != nil {
			return err
		}
		if !held {
			return fmt.Errorf("%s is in use: stop the process that uses it first", folder)
		}
		defer lock.Close()
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
