package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hangLimit is how long a read may wait for a source that does not answer.
const hangLimit = 30 * time.Second

// TestSourceStops loses the web server, first by its death and then by its silence. What is cached is read on; what is
// not fails with EIO and names the URL; when the server is back, everything is read without a restart.
func TestSourceStops(t *testing.T) {
	t.Parallel() // it waits more than it works
	program(t)
	root := publicDir(t)
	tr := newTree(t, root, 3<<20, "cached/one", "cached/two", "dead/one", "dead/two", "silent/one", "silent/two")
	tr.add(t, "half", sized(96<<20, 512<<20))
	web := newNginx(t, root)
	web.start()
	c := newCluster(t, web.url(), ownTiers(publicDir(t))...)
	c.startCold()
	check := func(names ...string) {
		t.Helper()
		for _, name := range names {
			tr.check(t, c.path(), name)
		}
	}
	check("cached/one", "cached/two")
	half, err := os.Open(c.path("half"))
	must(t, err)
	defer half.Close()
	_, err = io.ReadFull(half, make([]byte, 1<<20))
	must(t, err)

	web.stop()
	t.Log("the web server is dead")
	check("cached/one", "cached/two")
	expectEIO(t, c, web, "dead/one")
	expectEIO(t, c, web, "dead/two")
	readEnd := func() ([]byte, error) {
		end := make([]byte, 1<<20)
		_, err := half.ReadAt(end, tr.files["half"].size-int64(len(end)))
		return end, err
	}
	if _, err := within(t, hangLimit, "reading an open file", readEnd); !errors.Is(err, syscall.EIO) {
		t.Errorf("the end of a file that is open: %v", err)
	}
	expectListing(t, c, tr)
	check("cached/two", "cached/one")

	web.start()
	t.Log("it is back")
	back := eventually(t, hangLimit, "an uncached file is read again", func() bool {
		_, err := within(t, hangLimit, "reading", func() ([]byte, error) { return os.ReadFile(c.path("dead/one")) })
		return err == nil
	})
	t.Logf("read again after %.1fs", back.Seconds())
	check("dead/one", "dead/two")
	end, err := within(t, patience, "reading an open file", readEnd)
	whole, readErr := os.ReadFile(filepath.Join(root, "half"))
	must(t, readErr)
	if err != nil || !bytes.HasSuffix(whole, end) {
		t.Errorf("the end of the file that stayed open: %v", err)
	}

	web.freeze()
	t.Log("the web server is silent")
	check("cached/one", "dead/one")
	expectEIO(t, c, web, "silent/one")
	expectListing(t, c, tr)
	web.thaw()
	t.Log("it speaks again")
	check(sorted(tr.files)...)
}

// expectEIO reads an uncached file as programs do, and then by the command line.
func expectEIO(t *testing.T, c *cluster, web *webServer, name string) {
	t.Helper()
	began := time.Now()
	_, err := within(t, hangLimit, "reading "+name, func() ([]byte, error) { return os.ReadFile(c.path(name)) })
	t.Logf("%s: %v after %.1fs", name, err, time.Since(began).Seconds())
	if errnoOf(err) != syscall.EIO {
		t.Errorf("%s: %v, want EIO", name, err)
	}
	url := web.url() + name
	logs, _ := filepath.Glob(filepath.Join(c.dir, "logs", "hbase-[fw]*.log"))
	told := false
	for _, path := range logs {
		text, err := os.ReadFile(path)
		must(t, err)
		told = told || strings.Contains(string(text), url)
	}
	if !told {
		t.Errorf("no log of the mount or of a worker names %s", url)
	}
	r := c.try("fs", "cat", "/hbase/"+name)
	if r.code == 0 || r.stdout != "" || r.took > hangLimit || !strings.Contains(r.stderr, url) {
		t.Errorf("fs cat: exit code %d after %.1fs, %d bytes; want a failure that names %s\n%s", r.code, r.took.Seconds(), len(r.stdout), url, r.stderr)
	}
}

// expectListing lists all that is known by ls, and by the command line.
func expectListing(t *testing.T, c *cluster, tr *tree) {
	t.Helper()
	for what, r := range map[string]result{
		"ls -lR":     run(t, exec.Command("ls", "-lR", c.path())),
		"goosefs ls": c.try("fs", "ls", "-R", "/hbase"),
	} {
		if r.code != 0 || r.took > 10*time.Second {
			t.Errorf("%s: exit code %d after %s\n%s", what, r.code, r.took, r.stderr)
		}
		for name := range tr.files {
			if !strings.Contains(r.stdout, filepath.Base(name)) {
				t.Errorf("%s does not list %s", what, name)
			}
		}
	}
}
