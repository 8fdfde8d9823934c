package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/auth"
)

const (
	clientPort = "9200"
	raftPort   = "9202"
)

// cluster is three masters and a client that asks each of them how it is.
type cluster struct {
	network *network
	dir     string
	masters [3]*master
	control *client.FS
}

// newCluster makes the folders of three masters on disks of the given kind, below dir, and starts them. links, if not
// nil, is by which address a master reaches another.
func newCluster(n *network, program, dir string, kind diskKind, properties []string, links func(from, to *host) string) (*cluster, error) {
	c := &cluster{network: n, dir: dir}
	var err error
	if c.control, err = c.client(); err != nil {
		return nil, err
	}
	for i, h := range n.masters {
		d, err := newDisk(kind, filepath.Join(dir, h.name))
		if err != nil {
			return c, errors.Join(err, c.close())
		}
		c.masters[i] = &master{number: i, host: h, disk: d, program: program, logPath: filepath.Join(dir, h.name+".log"), args: c.arguments(h, d, properties, links)}
	}
	for _, m := range c.masters {
		if err := m.start(); err != nil {
			return c, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// arguments are what the program is started with.
func (c *cluster) arguments(h *host, d *disk, properties []string, links func(from, to *host) string) []string {
	names := make(map[string]string)
	journal := ""
	for _, other := range c.network.masters {
		names[other.name] = other.ip
		if links != nil && other != h {
			names[other.name] = links(h, other)
		}
		if journal != "" {
			journal += ","
		}
		journal += other.name + ":" + raftPort
	}
	args := []string{"master",
		"-Dgoosefs.work.dir=" + d.dir,
		"-Dgoosefs.master.hostname=" + h.name,
		"-Dgoosefs.network.hosts=" + wire.FormatHosts(names),
		"-Dgoosefs.master.embedded.journal.addresses=" + journal,
		"-Dgoosefs.master.mount.table.root.ufs=" + filepath.Join(c.dir, "ufs"),
		"-Dgoosefs.master.metastore.flush.interval=1s"}
	for _, p := range properties {
		args = append(args, "-D"+p)
	}
	return args
}

// client makes a client on the clients' host.
func (c *cluster) client() (*client.FS, error) {
	var addresses []string
	for _, h := range c.network.masters {
		addresses = append(addresses, c.address(h))
	}
	return client.New(client.Config{Masters: addresses, Network: c.network.clients, Login: auth.Self()})
}

func (c *cluster) address(h *host) string { return h.name + ":" + clientPort }

// close kills what runs and takes the disks away. Logs stay.
func (c *cluster) close() error {
	var errs []error
	if c.control != nil {
		c.control.Close()
	}
	for _, m := range c.masters {
		if m != nil {
			m.kill()
			errs = append(errs, m.disk.remove())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(filepath.Join(c.dir, "ufs")))...)
}

// statusPatience is how long one master has for saying how it is.
const statusPatience = 400 * time.Millisecond

// statuses are what the masters that answer say, each at its number.
func (c *cluster) statuses(ctx context.Context) (said [3]*client.Cluster) {
	var wg sync.WaitGroup
	for i, m := range c.masters {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, statusPatience)
			defer cancel()
			if s, err := c.control.ClusterOf(ctx, c.address(m.host)); err == nil {
				said[i] = &s
			}
		})
	}
	wg.Wait()
	return said
}

// leader is the master that says of itself that it leads, in the latest term if several do; nil: none.
func (c *cluster) leader(ctx context.Context) *master {
	var leader *master
	var term uint64
	for i, s := range c.statuses(ctx) {
		if s != nil && s.Leader == c.address(c.masters[i].host) && s.Term >= term {
			leader, term = c.masters[i], s.Term
		}
	}
	return leader
}

// others are the masters but m.
func (c *cluster) others(m *master) []*master {
	var others []*master
	for _, o := range c.masters {
		if o != m {
			others = append(others, o)
		}
	}
	return others
}

// await polls until condition holds of what the masters say.
func (c *cluster) await(limit time.Duration, what string, condition func([3]*client.Cluster) bool) error {
	end := time.Now().Add(limit)
	for {
		said := c.statuses(context.Background())
		if condition(said) {
			return nil
		}
		for _, m := range c.masters {
			if m.endedAlone() {
				return fmt.Errorf("%s ended by itself", m.host.name)
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %s; %s", limit, what, describe(said))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func describe(said [3]*client.Cluster) string {
	text := ""
	for i, s := range said {
		if s == nil {
			text += fmt.Sprintf(" m%d is silent", i)
		} else {
			text += fmt.Sprintf(" m%d: leader %q term %d applied %d", i, s.Leader, s.Term, s.Applied)
		}
	}
	return text[1:]
}

// united says that all three know the same leader, and that it serves.
func united(said [3]*client.Cluster) bool {
	for _, s := range said {
		if s == nil || s.Leader == "" || s.Leader != said[0].Leader {
			return false
		}
		if s.AnsweredBy == s.Leader && s.SafeMode {
			return false
		}
	}
	return true
}

// level says that besides all three have applied the same part of the log.
func level(said [3]*client.Cluster) bool {
	return united(said) && said[0].Applied == said[1].Applied && said[1].Applied == said[2].Applied
}
