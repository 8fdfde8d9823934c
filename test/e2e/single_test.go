package e2e_test

import (
	"syscall"
	"testing"
	"time"
)

// TestSingle is the smallest cluster: one master, one worker. It keeps its state through a restart of the master, of the
// worker, and of everything.
func TestSingle(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := growTree(t, root, 40, 5, 16<<20)
	web := newNginx(t, root)
	web.start()
	c := newCluster(t, web.url(), append(ownTiers(publicDir(t)), "replicas: 3", "replicas: 1")...)
	c.startCold()
	const info = "current leader master: hbase-master-0:26000\nAll masters: [hbase-master-0:26000]\n"
	if printed := c.goosefs("fs", "masterInfo"); printed != info {
		t.Errorf("fs masterInfo prints\n%s", printed)
	}
	c.goosefs("fs", "mkdir", "/made/by/hand")
	tr.verify(t, c.path())
	before := fetched(web)
	for _, pod := range []string{"hbase-master-0", "hbase-worker-0"} {
		c.signal(pod, syscall.SIGKILL)
		c.awaitRestarts(pod, 1)
		began := time.Now()
		tr.verify(t, c.path())
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("reading stalls for %s after the restart of %s", took, pod)
		}
	}
	c.goosefs("fs", "test", "-d", "/made/by/hand")
	c.stop()
	c.restartWarm(tr, web)
	c.goosefs("fs", "test", "-d", "/made/by/hand")
	if n := fetched(web) - before; n != 0 {
		t.Errorf("%d files were fetched again", n)
	}
	if len(c.processes()) != 3 {
		t.Errorf("pods: %v", c.processes())
	}
}
