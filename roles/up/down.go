package up

import (
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

// How long `goosefs down` waits: `up` itself takes up to three times its pods' grace.
const downPatience = 90 * time.Second

// DownCommand is `goosefs down`.
func DownCommand() *cli.Command {
	return &cli.Command{
		Name:      "down",
		Usage:     "stop the cluster that `goosefs up` runs in a folder, and unmount it",
		UsageText: "goosefs down [--dir DIR]",
		Description: "State and cache stay: the next `goosefs up` starts warm. To forget everything, remove the folder afterwards.\n\n" +
			"Example:\n  goosefs down --dir /srv/goosefs",
		Flags: []cli.Flag{dirFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return exit(usageError(fmt.Sprintf("down: unexpected %q; the folder is given by --dir", c.Args().First())))
			}
			l, err := newLayout(c.String("dir"), "")
			if err != nil {
				return exit(err)
			}
			return exit(runDown(l, c.App.Writer, downPatience, podGrace))
		},
	}
}

// runDown ends the cluster of a folder: its `up` does it, or we do when `up` is gone.
func runDown(l layout, out io.Writer, patience, grace time.Duration) error {
	r, err := loadRecord(l.record())
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("no cluster in %s", short(l.Dir))
	}
	if r.Up.alive() {
		fmt.Fprintf(out, "stopping the cluster in %s (pid %d)\n", short(l.Dir), r.Up.PID)
		if err := r.Up.signal(syscall.SIGTERM, false); err != nil {
			return err
		}
		if !r.Up.awaitEnd(patience) {
			return fmt.Errorf("pid %d still stops its pods after %s; see %s", r.Up.PID, patience, short(l.logs()))
		}
		fmt.Fprintln(out, "stopped")
		return nil
	}
	lock, err := acquire(l)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	n, err := sweep(l, r, grace, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
	if err == nil && n == 0 {
		fmt.Fprintf(out, "no cluster runs in %s\n", short(l.Dir))
	}
	return err
}

// sweep ends what an `up` that is gone left behind: pods and the mount. It returns how many things that were.
func sweep(l layout, r *Record, grace time.Duration, say func(format string, args ...any)) (int, error) {
	n := 0
	for _, role := range []Role{RoleFuse, RoleWorker, RoleMaster} {
		for _, p := range r.Pods {
			if p.Role != role || !p.Process.alive() {
				continue
			}
			n++
			if err := p.Process.signal(syscall.SIGTERM, true); err != nil {
				return n, err
			}
			if !p.Process.awaitEnd(grace) {
				if err := p.Process.signal(syscall.SIGKILL, true); err != nil {
					return n, err
				}
				if !p.Process.awaitEnd(grace) {
					return n, fmt.Errorf("%s (pid %d) does not end, not even by SIGKILL", p.Name, p.Process.PID)
				}
			}
			say("stopped %s (pid %d), left by an earlier `goosefs up`", p.Name, p.Process.PID)
		}
	}
	kind, err := mountedAt(r.Mount)
	if err != nil {
		return n, err
	}
	if kind == mountType {
		n++
		if _, err := clearMount(r.Mount); err != nil {
			return n, err
		}
		say("unmounted %s", short(r.Mount))
	}
	if n == 0 {
		return 0, nil
	}
	now := time.Now()
	return n, newLedger(l.record(), *r).update(func(r *Record) {
		r.Up, r.Stopped = nil, &now
		for i := range r.Pods {
			r.Pods[i].Status, r.Pods[i].Ready, r.Pods[i].Process = StatusCompleted, false, nil
		}
	})
}
