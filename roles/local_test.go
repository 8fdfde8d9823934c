package roles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/wire"
	"goosefs/wire/auth"
)

// loadLocal is the configuration that a role of a local cluster has.
func loadLocal(t *testing.T, role conf.Role, properties []string) *conf.Conf {
	t.Helper()
	c, _, err := conf.Load(conf.Input{Args: properties, Role: role, Env: func(string) string { return "" }, EtcDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The addresses are those that every example of GooseFS's clients has.
func TestLocalIsWhereClientsLookForIt(t *testing.T) {
	dir := t.TempDir()
	l, err := newLocal(dir, []string{"/srv/data"}, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := loadLocal(t, conf.RoleMaster, l.master)
	if a := m.MasterAddresses(); len(a) != 1 || a[0] != "127.0.0.1:9200" || m.String("goosefs.master.mount.table.root.ufs") != "/srv/data" {
		t.Errorf("the master is %v, / is %s", a, m.String("goosefs.master.mount.table.root.ufs"))
	}
	for i, properties := range l.workers {
		w := loadLocal(t, conf.RoleWorker, properties)
		address := wire.HostPort(w.String("goosefs.worker.hostname"), w.Int("goosefs.worker.rpc.port"))
		if want := fmt.Sprintf("127.0.0.%d:9203", i+1); address != want {
			t.Errorf("worker %d is %s, not %s", i, address, want)
		}
		tiers, err := w.Tiers()
		if err != nil || len(tiers) != 1 || tiers[0].Dirs[0].Path != filepath.Join(dir, fmt.Sprintf("worker-%d", i), "cache") {
			t.Errorf("worker %d has the tiers %v, %v", i, tiers, err)
		}
	}
}

func TestLocalRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		dir     string
		folders []string
		workers int
		want    string
	}{
		"two roots":     {"d", []string{"a", "b"}, 1, `unexpected "b"; one folder is the root`},
		"no worker":     {"d", nil, 0, "--workers 0: write a number from 1 to 16"},
		"many workers":  {"d", nil, 17, "--workers 17: write a number from 1 to 16"},
		"a comma":       {"/a,b", nil, 1, `--dir "/a,b": a comma, a line end or ${ cannot stand in this path; take another folder`},
		"a reference":   {"d", []string{"/${x}"}, 1, `FOLDER "/${x}": a comma, a line end or ${ cannot stand in this path; take another folder`},
		"a line's end":  {"/a\nb", nil, 1, `--dir "/a\nb": a comma, a line end or ${ cannot stand in this path; take another folder`},
		"no worker yet": {"d", nil, -1, "--workers -1: write a number from 1 to 16"},
	} {
		if _, err := newLocal(c.dir, c.folders, c.workers, nil); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// freePorts are ports that nobody listens on, of the addresses that a local cluster has.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// localOn are the properties that put a local cluster on ports.
func localOn(ports []int) []string {
	return []string{
		fmt.Sprintf("goosefs.master.rpc.port=%d", ports[0]),
		fmt.Sprintf("goosefs.master.embedded.journal.port=%d", ports[1]),
		fmt.Sprintf("goosefs.worker.rpc.port=%d", ports[2]),
	}
}

// TestLocal runs two workers over a folder, stops, and finds everything again.
func TestLocal(t *testing.T) {
	t.Setenv("GOOSEFS_CONF_DIR", "")
	root, dir, ports := t.TempDir(), filepath.Join(t.TempDir(), "local"), freePorts(t, 3)
	if err := os.WriteFile(filepath.Join(root, "f"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := newLocal(dir, []string{root}, 2, localOn(ports))
	if err != nil {
		t.Fatal(err)
	}
	for life := range 2 {
		stop := startLocal(t, l)
		masters, err := client.New(client.Config{Masters: []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}, Network: wire.TCP{}, Login: auth.Self()})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := masters.Stat(t.Context(), "/f", client.StatOptions{}); err != nil || info.Length != 5 {
			t.Errorf("life %d: /f: %v, %v", life, info, err)
		}
		err = masters.Mkdir(t.Context(), "/made", client.MkdirOptions{})
		if life == 1 && !errors.Is(err, os.ErrExist) {
			t.Errorf("life %d: /made is forgotten: %v", life, err)
		}
		if workers, err := masters.Workers(t.Context()); err != nil || len(workers) != 2 {
			t.Errorf("life %d: workers %v, %v", life, workers, err)
		}
		masters.Close()
		stop()
	}
}

// startLocal returns when the cluster serves; stop ends it.
func startLocal(t *testing.T, l local) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var stdout, stderr lines
	go func() { ended <- Env{Version: "test"}.runLocal(ctx, l, &stdout, &stderr) }()
	for end := time.Now().Add(time.Minute); !strings.Contains(stdout.String(), "It runs until Ctrl-C"); time.Sleep(time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("ended: %v\n%s", err, stderr.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("does not serve:\n%s", stderr.String())
		}
	}
	if want := "goosefs serves 2 workers"; !strings.HasPrefix(stdout.String(), want) {
		t.Errorf("it says %q", stdout.String())
	}
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
}

// What is in the way is named, with the property that goes around it.
func TestLocalPortInUse(t *testing.T) {
	t.Setenv("GOOSEFS_CONF_DIR", "")
	for i, property := range []string{"goosefs.master.rpc.port", "goosefs.master.embedded.journal.port", "goosefs.worker.rpc.port"} {
		ports := freePorts(t, 3)
		taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports[i]))
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLocal(t.TempDir(), nil, 1, localOn(ports))
		if err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		err = Env{Version: "test"}.runLocal(t.Context(), l, &stdout, &stderr)
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), property) {
			t.Errorf("%s: %v", property, err)
		}
		taken.Close()
	}
}

func TestLocalWithoutWorkersEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg := loadLocal(t, conf.RoleMaster, []string{"goosefs.master.rpc.addresses=127.0.0.1:1"})
	if err := awaitCluster(ctx, cfg, 1); err != nil {
		t.Errorf("who is told to stop does not complain: %v", err)
	}
}
