package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// seedTier is where the seed's runtime puts its tier, and ownFolder what belongs to its cluster there.
const (
	seedTier  = "/mnt/disk1"
	ownFolder = seedTier + "/default/hbase"
)

// TestSeedsManifests runs the seed's two manifests as they are but for the mount point, which is a web server over 300
// files: the mount has the same names, sizes, times and bytes.
func TestSeedsManifests(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := growTree(t, root, 300, 20, sized(64<<20, 1<<30))
	for name, server := range map[string]func(testing.TB, string) *webServer{"nginx": newNginx, "apache2": newApache} {
		t.Run(name, func(t *testing.T) {
			web := server(t, root)
			web.start()
			c := newCluster(t, web.url(), seedTierFor(t)...)
			c.start()
			if want := fmt.Sprintf("sha256 of %d files, equal in both passes", len(tr.files)); !strings.Contains(c.up.out.String(), want) {
				t.Errorf("the demonstration does not say %q", want)
			}
			compareListing(t, tr, c.path())
			tr.verify(t, c.path())
			checkTables(t, c, tr)
		})
	}
}

// seedTierFor leaves the tier where the seed has it, if that can be written and nobody has a cache there; else it is
// in a temporary folder.
func seedTierFor(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		return ownTiers(publicDir(t))
	}
	if _, err := os.Stat(ownFolder); err == nil {
		t.Logf("%s is somebody's", ownFolder)
		return ownTiers(publicDir(t))
	}
	t.Cleanup(func() {
		must(t, os.RemoveAll(ownFolder))
		for _, dir := range []string{seedTier + "/default", seedTier} { // unless there is more in them
			if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
				t.Error(err)
			}
		}
	})
	return nil
}

// compareListing compares what find sees.
func compareListing(t *testing.T, tr *tree, mounted string) {
	t.Helper()
	find := func(root string) []string {
		r := run(t, exec.Command("find", root, "-mindepth", "1", "(", "-type", "f", "-printf", `f %P %s %Ts\n`, ")", "-o", "-printf", `%y %P\n`))
		if r.code != 0 {
			t.Fatalf("find %s: exit code %d\n%s", root, r.code, r.stderr)
		}
		lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
		slices.Sort(lines)
		return lines
	}
	got, want := find(mounted), find(tr.root)
	if slices.Equal(got, want) {
		return
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the mount lacks %q", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("the mount has %q besides", line)
		}
	}
}

// checkTables looks at the tables of the seed, after everything has been read once.
func checkTables(t *testing.T, c *cluster, tr *tree) {
	t.Helper()
	var total int64
	for _, f := range tr.files {
		total += f.size
	}
	size := fmt.Sprintf("%.2fMiB", float64(total)/(1<<20))
	if total >= 1<<30 {
		size = fmt.Sprintf("%.2fGiB", float64(total)/(1<<30))
	}
	for kind, pattern := range map[string]string{
		"pod":            `\ANAME +READY +STATUS +RESTARTS +AGE\n(hbase-(fuse-0|master-[012]|worker-[012]) +1/1 +Running +0 +\d+[ms]\w*\n){7}\z`,
		"goosefsruntime": `\ANAME +MASTER PHASE +WORKER PHASE +FUSE PHASE +AGE\nhbase +Ready +Ready +Ready +\d+[ms]\w*\n\z`,
		// What is cached takes a little more than the files, for checksums and whole pages.
		"dataset": `\ANAME +UFS TOTAL SIZE +CACHED +CACHE CAPACITY +CACHED PERCENTAGE +PHASE +AGE\nhbase +` +
			regexp.QuoteMeta(size) + ` +\d+\.\d\d[MG]iB +6\.00GiB +100\.0% +Bound +\d+[ms]\w*\n\z`,
	} {
		var printed string
		match := regexp.MustCompile(pattern).MatchString
		if kind != "dataset" {
			if printed = c.goosefs("get", kind, "--dir", c.dir); !match(printed) {
				t.Errorf("get %s prints\n%s", kind, printed)
			}
			continue
		}
		for end := time.Now().Add(15 * time.Second); !match(printed); time.Sleep(200 * time.Millisecond) {
			if printed = c.goosefs("get", kind, "--dir", c.dir); time.Now().After(end) {
				t.Fatalf("all of %s was read, and get dataset prints\n%s", size, printed)
			}
		}
	}
	if printed := c.goosefs("fs", "masterInfo"); leaderIn(printed) == "" {
		t.Errorf("fs masterInfo prints\n%s", printed)
	}
}

func errnoOf(err error) syscall.Errno {
	errno, _ := errors.AsType[syscall.Errno](err)
	return errno
}
