package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hosts are processes that somebody has started by hand, each on a host of its own: the masters m1, m2 and m3, the
// workers w1 and w2, and c1 with the mount, where commands are typed, too.
type hosts struct {
	t         testing.TB
	lan       *lan
	home      string
	conf      string // folder of the properties that all have
	mount     string
	processes map[string]*process
}

// properties that every host has.
func (h *hosts) properties() []string {
	return []string{
		"goosefs.master.embedded.journal.addresses=m1:9202,m2:9202,m3:9202",
		"goosefs.master.rpc.addresses=m1:9200,m2:9200,m3:9200",
		"goosefs.network.hosts=" + h.lan.table(),
		"goosefs.worker.tieredstore.level0.alias=HDD",
		"goosefs.worker.tieredstore.level0.dirs.quota=1GB",
	}
}

// own are those in which hosts differ.
func (h *hosts) own(host string) []string {
	dir := filepath.Join(h.home, host)
	p := []string{"goosefs.work.dir=" + dir}
	switch host[0] {
	case 'm':
		p = append(p, "goosefs.master.hostname="+host)
	case 'w':
		p = append(p, "goosefs.worker.hostname="+host, "goosefs.worker.tieredstore.level0.dirs.path="+filepath.Join(dir, "tier"))
	}
	return p
}

// defines are properties as -D options.
func defines(properties []string) []string {
	var d []string
	for _, p := range properties {
		d = append(d, "-D"+p)
	}
	return d
}

// start runs a process by hand. env has properties in variables, options those that are typed; more goes behind them.
func (h *hosts) start(host, verb string, env, before, after []string, more ...string) {
	h.t.Helper()
	args := append(append(append(append([]string{}, before...), verb), after...), more...)
	cmd := h.lan.on(host, program(h.t), args...)
	cmd.Env = append(environment(), env...)
	cmd.Dir = h.home
	h.processes[host] = start(h.t, "goosefs "+verb+" on "+host, 30*time.Second, cmd)
}

// on runs a command of a user on a host, by default with the properties of all.
func (h *hosts) on(host string, args ...string) result {
	h.t.Helper()
	cmd := h.lan.on(host, program(h.t), args...)
	cmd.Env = environment("GOOSEFS_CONF_DIR=" + h.conf)
	return run(h.t, cmd)
}

func (h *hosts) must(args ...string) string {
	h.t.Helper()
	r := h.on("c1", args...)
	if r.code != 0 {
		h.t.Fatalf("goosefs %s: exit code %d after %s\n%s%s", strings.Join(args, " "), r.code, r.took, r.stdout, r.stderr)
	}
	return r.stdout
}

// leader is the master that masterInfo names, "" if none. only, if any, is the one that is asked, on its own host.
func (h *hosts) leader(only string) string {
	h.t.Helper()
	var r result
	if only == "" {
		r = h.on("c1", "fs", "masterInfo")
	} else {
		r = h.on(only, "fs", "masterInfo", "-Dgoosefs.master.rpc.addresses="+only+":9200")
	}
	found := regexp.MustCompile(`\Acurrent leader master: (m\d):9200\nAll masters: \[m1:9200, m2:9200, m3:9200\]\n\z`).FindStringSubmatch(r.stdout)
	if found == nil {
		return ""
	}
	return found[1]
}

// newHosts starts all of them, each configured in another way that GooseFS knows.
func newHosts(t *testing.T) *hosts {
	t.Helper()
	program(t)
	needMount(t)
	h := &hosts{t: t, home: publicDir(t), processes: map[string]*process{}}
	h.mount = filepath.Join(h.home, "mnt")
	h.conf = filepath.Join(h.home, "conf")
	h.lan = newLAN(t, "m1", "m2", "m3", "w1", "w2", "c1", "web")
	for _, dir := range []string{h.mount, h.conf} {
		must(t, os.Mkdir(dir, 0o755))
	}
	t.Cleanup(func() {
		for mountedAt(h.mount) != "" && unmount(h.mount) == nil {
			t.Error("the mount outlived its process")
		}
	})
	site := func(dir string, properties []string) string {
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "goosefs-site.properties"), []byte(strings.Join(properties, "\n")+"\n"), 0o644))
		return "GOOSEFS_CONF_DIR=" + dir
	}
	common := site(h.conf, h.properties())
	variable := func(name string, properties []string) string {
		return name + "=-Xmx4g " + strings.Join(defines(properties), " ") + " -XX:+UseG1GC"
	}

	// All on the command line, before and behind the verb.
	h.start("m1", "master", nil, defines(h.properties()), defines(h.own("m1")))
	// All in a file.
	h.start("m2", "master", []string{site(filepath.Join(h.home, "conf-m2"), append(h.properties(), h.own("m2")...))}, nil, nil)
	// All in variables, those of the role before those of all.
	h.start("m3", "master", []string{
		variable("GOOSEFS_JAVA_OPTS", append(h.properties(), "goosefs.master.hostname=nobody")), variable("GOOSEFS_MASTER_JAVA_OPTS", h.own("m3")),
	}, nil, nil)
	// A file for all, and the rest by -D, which goes before a variable.
	h.start("w1", "worker", []string{common, "GOOSEFS_WORKER_JAVA_OPTS=-Dgoosefs.worker.hostname=nobody"}, nil, defines(h.own("w1")))
	h.start("w2", "worker", []string{common, variable("GOOSEFS_WORKER_JAVA_OPTS", h.own("w2"))}, nil, nil)
	h.start("c1", "fuse", []string{variable("GOOSEFS_FUSE_JAVA_OPTS", append(h.properties(), h.own("c1")...))}, nil, nil, h.mount)
	for host, said := range map[string]string{"m1": "master is up", "m2": "master is up", "m3": "master is up", "w1": "worker is up", "w2": "worker is up", "c1": "mount is up"} {
		h.processes[host].await(said, 30*time.Second)
	}
	return h
}

// TestHosts runs a cluster by hand on six hosts. The leader is cut off from all the others without anybody being told,
// then a worker: reads go on, what the lost leader was asked to do does not happen, and both come back by themselves.
func TestHosts(t *testing.T) {
	t.Parallel() // it waits more than it works
	program(t)
	root := publicDir(t)
	tr := growTree(t, root, 40, 5, 48<<20)
	h := newHosts(t)
	web := newNginx(t, root)
	web.address, web.port = h.lan.addresses["web"], 80
	web.argv = h.lan.on("web", findServer(t, "nginx"), "-p", web.dir, "-e", "stderr", "-c", web.config(web.nginxConfig())).Args
	web.reach = func() bool { return run(t, h.lan.on("web", "sh", "-c", "kill -0 $(cat "+web.dir+"/pid)")).code == 0 }
	web.start()

	if printed := h.must("fs", "mount", "/hbase", web.url()); printed == "" {
		t.Error("fs mount says nothing")
	}
	mounted := filepath.Join(h.mount, "hbase")
	eventually(t, 10*time.Second, "the dataset is in the mount", func() bool {
		_, err := os.Stat(mounted)
		return err == nil
	})
	tr.verify(t, mounted)
	if printed := h.must("fsadmin", "report", "capacity"); !strings.Contains(printed, "\nw1 ") || !strings.Contains(printed, "\nw2 ") {
		t.Errorf("the workers are not both there:\n%s", printed)
	}
	h.loseLeader(tr, mounted)
	h.loseWorker(tr, mounted)

	for _, host := range []string{"c1", "w1", "w2", "m1", "m2", "m3"} {
		p := h.processes[host]
		p.signal(syscall.SIGTERM)
		if code := p.code(30 * time.Second); code != 0 {
			t.Errorf("%s ends with code %d", p.name, code)
		}
	}
	if kind := mountedAt(h.mount); kind != "" {
		t.Errorf("still mounted: %s", kind)
	}
}

// loseLeader cuts the leader off.
func (h *hosts) loseLeader(tr *tree, mounted string) {
	t := h.t
	t.Helper()
	leader := h.leader("")
	if leader == "" {
		t.Fatal("no leader")
	}
	h.lan.cut(leader)
	began := time.Now()
	other := ""
	eventually(t, 10*time.Second, "another leads", func() bool {
		other = h.leader("")
		return other != "" && other != leader
	})
	t.Logf("%s leads after %.1fs", other, time.Since(began).Seconds())
	began = time.Now()
	tr.verify(t, mounted)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("reading took %s without the leader", took)
	}
	// It cannot know that nothing happened elsewhere: it must neither do nor answer.
	r := h.on(leader, "fs", "mkdir", "/split", "-Dgoosefs.master.rpc.addresses="+leader+":9200")
	if r.code == 0 || r.took > 20*time.Second {
		t.Errorf("a leader without followers: exit code %d after %s\n%s%s", r.code, r.took, r.stdout, r.stderr)
	}
	if named := h.leader(leader); named == leader {
		t.Error("a leader without followers says that it leads")
	}
	h.must("fs", "mkdir", "/made/without/it")

	h.lan.mend(leader)
	began = time.Now()
	eventually(t, 20*time.Second, "it follows", func() bool {
		now := h.leader("")
		return now != "" && h.leader(leader) == now
	})
	t.Logf("all name the same leader %.1fs after that", time.Since(began).Seconds())
	h.must("fs", "test", "-d", "/made/without/it")
	if r := h.on("c1", "fs", "test", "-e", "/split"); r.code == 0 {
		t.Error("what a leader without followers was asked to do has happened")
	}
	tr.verify(t, mounted)
}

// loseWorker cuts a worker off that holds bytes, in the middle of a read.
func (h *hosts) loseWorker(tr *tree, mounted string) {
	t := h.t
	t.Helper()
	h.lan.cut("w1")
	began := time.Now()
	tr.verify(t, mounted)
	t.Logf("all files were read in %.1fs without w1", time.Since(began).Seconds())
	h.lan.mend("w1")
	eventually(t, 20*time.Second, "w1 reports again", func() bool {
		return regexp.MustCompile(`(?m)^w1 +[01] +capacity`).MatchString(h.must("fsadmin", "report", "capacity"))
	})
	tr.verify(t, mounted)
}
