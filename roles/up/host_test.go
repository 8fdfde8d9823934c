package up

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMountedTypes(t *testing.T) {
	const mountinfo = `22 27 0:21 / /proc rw,nosuid - proc proc rw
98 27 0:45 / /mnt/goosefs rw,nosuid,nodev,relatime shared:1 master:2 - fuse.goosefs-fuse goosefs-fuse ro,user_id=0
99 27 0:46 / /mnt/with\040space\134 rw - fuse.goosefs-fuse goosefs-fuse ro
100 98 0:47 / /mnt/goosefs rw - tmpfs tmpfs rw
garbage
`
	for path, want := range map[string]string{
		"/mnt/goosefs":       "[fuse.goosefs-fuse tmpfs]",
		`/mnt/with space\`:   "[fuse.goosefs-fuse]",
		"/mnt/goosefs/below": "[]",
	} {
		types, err := mountedTypes(strings.NewReader(mountinfo), path)
		if got := fmt.Sprint(types); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", path, got, err, want)
		}
	}
	if kind, err := mountedAt("/proc"); err != nil || kind != "proc" {
		t.Errorf("/proc is %q, %v", kind, err)
	}
	if _, err := clearMount("/proc"); err == nil || !strings.Contains(err.Error(), "a file system of type proc is mounted there") {
		t.Errorf("a mount of somebody else: %v", err)
	}
	if cleared, err := clearMount(t.TempDir()); cleared || err != nil {
		t.Errorf("no mount: %t, %v", cleared, err)
	}
	if err := detach(t.TempDir()); err == nil {
		t.Error("unmounted what is no mount")
	}
}

func TestDisks(t *testing.T) {
	got := checkDisks([]disk{{paths: []string{"/a", "/b"}, need: 6 << 30, have: 4 << 30}, {paths: []string{"/c"}, need: 1, have: 1}})
	want := []string{"quotas add up to 6.00GiB in /a, /b, where 4.00GiB can be had; the cache will be smaller than they say"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "block"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	disks, err := disksOf([]tier{{paths: []string{dir, dir}, quotas: []int64{1 << 30, 2 << 30}}}, 3)
	if err != nil || len(disks) != 1 || disks[0].need != 9<<30 || disks[0].have < 1<<20 || len(disks[0].paths) != 2 {
		t.Errorf("got %+v, %v", disks, err)
	}
	if n := occupied(dir); n < 1<<20 || n > 2<<20 {
		t.Errorf("%d bytes in a folder with 1 MiB", n)
	}
	disks, err = disksOf([]tier{{paths: []string{dir}, quotas: []int64{math.MaxInt64 / 2}}}, 3)
	if err != nil || disks[0].need != math.MaxInt64 {
		t.Errorf("quotas beyond all numbers: %+v, %v", disks, err)
	}
	if _, err := disksOf([]tier{{paths: []string{dir + "/none"}, quotas: []int64{1}}}, 1); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestVolatile(t *testing.T) {
	if volatile("/proc") || volatile("/none") {
		t.Error("neither is in memory")
	}
	if kind, err := mountedAt("/dev/shm"); err == nil && kind == "tmpfs" && !volatile("/dev/shm") {
		t.Error("/dev/shm is in memory")
	}
}

func TestTierWritable(t *testing.T) {
	dir := t.TempDir()
	if err := tierWritable(filepath.Join(dir, "new", "folder")); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "new", "folder")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tierWritable(filepath.Join(dir, "file")); err == nil {
		t.Error("a file is no folder")
	}
	asked := 0
	once := onceEach(func(string) error { asked++; return errors.New("no") })
	for _, path := range []string{"a", "a", "b"} {
		if once(path) == nil {
			t.Errorf("%s is writable", path)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestPodEnvironment(t *testing.T) {
	env, dropped := podEnvironment([]string{"PATH=/bin", "GOOSEFS_CONF_DIR=/x", "GOOSEFS_JAVA_OPTS=-Da=b", "GOOSEFS_TEST_ALL=1", "HOME=/root"})
	if got := fmt.Sprint(env, dropped); got != "[PATH=/bin HOME=/root] [GOOSEFS_JAVA_OPTS]" {
		t.Error(got)
	}
}

func TestProcessID(t *testing.T) {
	me, err := identify(os.Getpid())
	if err != nil || !me.alive() {
		t.Fatal(me, err)
	}
	for what, change := range map[string]func(*ProcessID){
		"another start": func(p *ProcessID) { p.Start++ }, "another boot": func(p *ProcessID) { p.Boot = "x" }, "another pid": func(p *ProcessID) { p.PID = math.MaxInt32 },
	} {
		p := me
		change(&p)
		if p.alive() {
			t.Errorf("%s is alive", what)
		}
		if err := p.signal(9, false); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	var none *ProcessID
	if none.alive() {
		t.Error("nobody is alive")
	}
}

func TestLayout(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := newLayout(".goosefs", "m")
	if err != nil || short(l.Dir) != ".goosefs" || short(l.Mount) != "m" || !filepath.IsAbs(l.Dir) {
		t.Errorf("%+v, %v", l, err)
	}
	if got := short("/proc/1"); got != "/proc/1" {
		t.Errorf("elsewhere: %s", got)
	}
	for _, dir := range []string{"a,b", "a\nb", "${HOME}"} {
		if _, err := newLayout(dir, ""); exitCode(err) != exitUsage {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

func TestRecordThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := newLedger(filepath.Join(file, "cluster.json"), Record{}).update(func(*Record) {}); err == nil {
		t.Error("written below a file")
	}
	if err := writeFile(t.TempDir(), []byte("x"), 0o644); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if _, err := acquire(layout{Dir: file}); err == nil {
		t.Error("locked below a file")
	}
	if lines := lastLines(filepath.Join(file, "log"), 0, 1); lines != nil {
		t.Errorf("lines of a log that is not there: %q", lines)
	}
}

func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := strings.Repeat("a long line of an earlier life\n", 1000)
	if err := os.WriteFile(path, []byte(long+"one\n\ntwo\r\nthree"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(lastLines(path, int64(len(long)), 2), lastLines(path, int64(len(long)), 9)); got != "[two three] [one two three]" {
		t.Error(got)
	}
	if got := lastLines(path, 0, 400); got[0] != "a long line of an earlier life" {
		t.Errorf("begins in the middle of a line: %q", got[0])
	}
}
