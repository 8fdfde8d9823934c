package up

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"strings"
	"time"

	"goosefs/client"

	"golang.org/x/sys/unix"
)

// cluster is what `up` and `get` ask of the masters. *client.FS is one.
type cluster interface {
	Cluster(ctx context.Context) (client.Cluster, error)
	ClusterOf(ctx context.Context, master string) (client.Cluster, error)
	Workers(ctx context.Context) ([]client.Worker, error)
	Mkdir(ctx context.Context, path string, o client.MkdirOptions) error
	Mounts(ctx context.Context) ([]client.MountPoint, error)
	Mount(ctx context.Context, path, ufs string, o client.MountOptions) error
	Unmount(ctx context.Context, path string) error
	List(ctx context.Context, path string, o client.StatOptions) iter.Seq2[client.Info, error]
	Close() error
}

// answers asks a pod whether it does its work: a master knows a leader, a worker is known to the masters, the mount is
// mounted.
func answers(c cluster, mount string) func(context.Context, Pod) error {
	return func(ctx context.Context, p Pod) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		switch p.Role {
		case RoleMaster:
			return masterAnswers(ctx, c, p)
		case RoleWorker:
			return workerAnswers(ctx, c, p)
		}
		return mountAnswers(ctx, mount)
	}
}

func masterAnswers(ctx context.Context, c cluster, p Pod) error {
	if err := reachable(ctx, p.Address, p.Port); err != nil { // quicker to say no than a client is
		return err
	}
	info, err := c.ClusterOf(ctx, net.JoinHostPort(p.Name, fmt.Sprint(p.Port)))
	if err == nil && info.Leader == "" {
		err = fmt.Errorf("%s knows no leader", p.Name)
	}
	return err
}

func workerAnswers(ctx context.Context, c cluster, p Pod) error {
	if err := reachable(ctx, p.Address, p.Port); err != nil {
		return err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	for _, w := range workers {
		if w.Live && w.Host == p.Name {
			return nil
		}
	}
	return fmt.Errorf("%s is not registered", p.Name)
}

// mountAnswers says whether somebody serves the mount: that of a process that was killed stays until it is replaced.
func mountAnswers(ctx context.Context, mount string) error {
	kind, err := mountedAt(mount)
	if err != nil {
		return err
	}
	if kind != mountType {
		return fmt.Errorf("%s is not mounted", mount)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer := make(chan error, 1)
	go func() { // stays behind if the mount hangs: nothing can end a statfs
		var stat unix.Statfs_t
		answer <- unix.Statfs(mount, &stat)
	}()
	select {
	case err := <-answer:
		if errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED) {
			return fmt.Errorf("nobody serves the mount at %s: %w", mount, err)
		}
		return nil // whoever asks may not be let in
	case <-ctx.Done():
		return fmt.Errorf("the mount at %s does not answer: %w", mount, ctx.Err())
	}
}

// reachable says if somebody listens there.
func reachable(ctx context.Context, address string, port int) error {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(address, fmt.Sprint(port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

// masterInfo is what `goosefs fs masterInfo` prints.
func masterInfo(c client.Cluster) string {
	addrs := make([]string, len(c.Masters))
	for i, m := range c.Masters {
		addrs[i] = m.Address
	}
	return fmt.Sprintf("current leader master: %s\nAll masters: [%s]\n", c.Leader, strings.Join(addrs, ", "))
}

// podEnvironment is the environment of every pod: that of `up` without what would configure a pod behind the back of
// its properties. dropped names those that a user may miss.
func podEnvironment(environ []string) (env, dropped []string) {
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		switch {
		case !strings.HasPrefix(name, "GOOSEFS_"):
			env = append(env, pair)
		case name != "GOOSEFS_CONF_DIR" && name != "GOOSEFS_TEST_ALL":
			dropped = append(dropped, name)
		}
	}
	return env, dropped
}

// self is the path of this program for children: it stays right when the file is replaced or removed, as `go run` does.
func self() string {
	const link = "/proc/self/exe"
	if _, err := os.Readlink(link); err == nil {
		return link
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
