package fuse

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is the test binary as another process that mounts; see child.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
}

func startChild(t *testing.T, binary, point, options string, uid uint32) process {
	t.Helper()
	p := process{cmd: exec.Command(binary)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+point, "GOOSEFS_FUSE_TEST_OPTIONS="+options)
	p.cmd.Dir = "/"
	p.cmd.Stderr = os.Stderr
	if uid != 0 {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	p.stdin, _ = p.cmd.StdinPipe()
	out, _ := p.cmd.StdoutPipe()
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stdin.Close()
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

func (p process) line() string {
	p.out.Scan()
	return p.out.Text()
}

func TestShownInMounts(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "goosefs-fuse fuse.goosefs-fuse rw,nosuid,nodev,noatime"},
		{Options{ReadOnly: true, NoExec: true, FsName: "my cluster"}, `my\040cluster fuse.goosefs-fuse ro,nosuid,nodev,noexec,noatime`},
	} {
		dir, _ := mounted(t, newMemTree(), c.o)
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mounts)) {
			f := strings.Fields(line)
			if f[1] != dir {
				continue
			}
			if got := strings.Join([]string{f[0], f[2], f[3]}, " "); !strings.HasPrefix(got, c.want) || !strings.Contains(got, "default_permissions") {
				t.Errorf("mounts show %q, want %q…", got, c.want)
			}
		}
		if e, ok, err := mountAt(dir); !ok || err != nil || e.Type != Type {
			t.Errorf("mountinfo shows %+v, %v, %v", e, ok, err)
		}
	}
}

func TestReadAheadIsRaised(t *testing.T) {
	needRoot(t)
	dir, _ := mounted(t, newMemTree(), Options{})
	e, _, err := mountAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	if kb, err := os.ReadFile("/sys/class/bdi/" + e.Dev + "/read_ahead_kb"); err == nil && strings.TrimSpace(string(kb)) != "1024" {
		t.Errorf("read_ahead_kb is %s", kb)
	}
}

func TestMountPointsThatCannotBeUsed(t *testing.T) {
	needFuse(t)
	base := t.TempDir()
	os.WriteFile(base+"/file", nil, 0o600)
	os.MkdirAll(base+"/full/x", 0o700)
	os.Symlink(base+"/full", base+"/link")
	for _, c := range []struct {
		at    string
		errno syscall.Errno
		says  string
	}{
		{base + "/no", syscall.ENOENT, "run: mkdir -p " + base + "/no"},
		{base + "/no/deeper", syscall.ENOENT, "does not exist"},
		{base + "/file", syscall.ENOTDIR, "is not a directory"},
		{base + "/file/below", syscall.ENOTDIR, "cannot be used"},
		{base + "/full", syscall.ENOTEMPTY, "mount with -o nonempty"},
		{base + "/link", syscall.ENOTEMPTY, base + "/full"},
	} {
		m, err := Mount(context.Background(), newMemTree(), c.at, Options{})
		if m != nil {
			t.Fatal("mounted at " + c.at)
		}
		wantErrno(t, c.at, err, c.errno)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v does not say %q in one line", err, c.says)
		}
	}
	m, err := Mount(context.Background(), newMemTree(), base+"/full", Options{NonEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unmount(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(base + "/full/x"); err != nil {
		t.Error("what the mount hid did not come back: ", err)
	}
}

func TestMountTwice(t *testing.T) {
	tree := newMemTree()
	dir, _ := mounted(t, tree, Options{})
	_, err := Mount(context.Background(), newMemTree(), dir, Options{NonEmpty: true})
	wantErrno(t, "mounting on a mount", err, syscall.EBUSY)
	if err == nil || !strings.Contains(err.Error(), "run first: fusermount3 -u "+dir) {
		t.Errorf("%v does not tell the way out", err)
	}
}

func TestRootsThatCannotBeShown(t *testing.T) {
	needFuse(t)
	dir := emptyDir(t)
	tree := newMemTree()
	tree.put("/f", nil)
	tree.fail("stat /sick", syscall.EAGAIN)
	for root, errno := range map[string]syscall.Errno{"/no": syscall.ENOENT, "/f": syscall.ENOTDIR, "/sick": syscall.EAGAIN} {
		m, err := Mount(context.Background(), tree, dir, Options{Root: root})
		if m != nil {
			t.Fatal("mounted")
		}
		wantErrno(t, root, err, errno)
	}
	if _, err := Mount(context.Background(), tree, dir, Options{Raw: []string{"uid=x"}}); err == nil {
		t.Error("mounted with uid=x")
	}
}

func TestKernelThatRefuses(t *testing.T) {
	needRoot(t)
	needFuse(t)
	dir := emptyDir(t)
	a := attachment{point: dir + "/no"}
	_, err := a.attach(Options{MaxRead: maxRequest})
	wantErrno(t, "mount(2)", err, syscall.ENOENT)
	a = attachment{point: dir, helper: "/bin/false"}
	_, err = a.attach(Options{MaxRead: maxRequest})
	wantErrno(t, "a helper that fails", err, syscall.EPERM)
	a = attachment{point: dir, helper: "/bin/true"}
	_, err = a.attach(Options{MaxRead: maxRequest})
	wantErrno(t, "a helper that sends nothing", err, syscall.EPROTO)
	a = attachment{point: dir}
	wantErrno(t, "unmounting what is not mounted", a.detach(context.Background(), false), syscall.EINVAL)
}

func TestEverythingIsReadOnly(t *testing.T) {
	for _, o := range []Options{{}, {ReadOnly: true}, {NoOpen: true, Raw: []string{"rw"}}} {
		tree := newMemTree()
		tree.put("/d/f", []byte("x"))
		dir, _ := mounted(t, tree, o)
		wantContent(t, dir+"/d/f", "x") // a mount without OPEN is one from now on
		f, d, no := dir+"/d/f", dir+"/d", dir+"/d/new"
		open := func(at string, flags int) error {
			fd, err := syscall.Open(at, flags, 0o600)
			if err == nil {
				syscall.Close(fd)
			}
			return err
		}
		for what, err := range map[string]error{
			"create":      open(no, syscall.O_CREAT|syscall.O_WRONLY),
			"open -w":     open(f, syscall.O_WRONLY),
			"open -rw":    open(f, syscall.O_RDWR),
			"open trunc":  open(f, syscall.O_RDONLY|syscall.O_TRUNC),
			"tmpfile":     open(d, unix.O_TMPFILE|syscall.O_WRONLY),
			"truncate":    syscall.Truncate(f, 0),
			"unlink":      syscall.Unlink(f),
			"rmdir":       syscall.Rmdir(d),
			"mkdir":       syscall.Mkdir(no, 0o700),
			"mknod":       syscall.Mknod(no, syscall.S_IFIFO, 0),
			"rename":      syscall.Rename(f, no),
			"link":        syscall.Link(f, no),
			"symlink":     syscall.Symlink("f", no),
			"chmod":       syscall.Chmod(f, 0o600),
			"chown":       syscall.Chown(f, 1, 1),
			"utimes":      os.Chtimes(f, time.Now(), time.Now()),
			"mkdir again": syscall.Mkdir(d+"/deeper", 0o700),
		} {
			wantErrno(t, fmt.Sprintf("ro=%v, no_open=%v: %s", o.ReadOnly, o.NoOpen, what), err, syscall.EROFS)
		}
		wantContent(t, f, "x")
	}
}

func TestUnmountWithAnOpenFile(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", randomBytes(3<<20))
	dir, m := mounted(t, tree, Options{DirectIO: true})
	f, err := os.Open(dir + "/f")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unmount(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/f"); errnoIn(err) != syscall.ENOENT {
		t.Errorf("the mount is still in view: %v", err)
	}
	got, err := io.ReadAll(f)
	if err != nil || string(got) != string(randomBytes(3<<20)) {
		t.Errorf("the open file reads %d bytes, %v", len(got), err)
	}
	f.Close()
	select {
	case <-m.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("the mount did not end with the last open file")
	}
	if err := m.Unmount(context.Background()); err != nil {
		t.Errorf("unmounting again: %v", err)
	}
}

func TestUnmountWaitsForOpenFiles(t *testing.T) {
	needFuse(t)
	tree := newMemTree()
	tree.put("/f", []byte("x"))
	dir := emptyDir(t)
	m, err := Mount(context.Background(), tree, dir, Options{UnmountWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir + "/f")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { f.Close() })
	if err := m.Unmount(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.Ended():
	default:
		t.Error("Unmount returned before all had ended")
	}
}

func TestUnmountByOthers(t *testing.T) {
	needRoot(t)
	dir, m := mounted(t, newMemTree(), Options{})
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(); err != nil {
		t.Error(err)
	}
	if err := m.Unmount(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestConnectionThatIsCut(t *testing.T) {
	needRoot(t)
	dir, m := mounted(t, newMemTree(), Options{})
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	// It cuts the connection, and then finds the mount busy.
	wantErrno(t, "umount -f", unix.Unmount(dir, unix.MNT_FORCE), syscall.EBUSY)
	<-m.Ended()
	wantErrno(t, "Wait", m.Wait(), syscall.ENOTCONN)
}

// A goosefs that was killed leaves a mount point on which everything fails with ENOTCONN.
func TestDeadMountIsReplaced(t *testing.T) {
	t.Parallel() // it waits
	needFuse(t)
	dir := emptyDir(t)
	for range 2 { // dead mounts can lie over one another
		p := startChild(t, os.Args[0], dir, "", 0)
		if said := p.line(); said != "mounted" {
			t.Fatal(said)
		}
		wantContent(t, dir+"/hello", "hello from the child\n")
		p.cmd.Process.Kill()
		p.cmd.Wait()
		eventually(t, "the mount is dead", func() bool {
			_, err := os.Stat(dir)
			return errnoIn(err) == syscall.ENOTCONN
		})
	}
	var logged safeBuilder
	tree := newMemTree()
	tree.put("/f", []byte("alive"))
	m, err := Mount(context.Background(), tree, dir, Options{Log: logTo(&logged)})
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir+"/f", "alive")
	if err := m.Unmount(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(logged.String(), "left its mount behind") {
		t.Error("the log says nothing of it: " + logged.String())
	}
}

// A child process that inherited the connection would keep the mount of a dead goosefs hanging.
func TestConnectionIsNotInherited(t *testing.T) {
	mounted(t, newMemTree(), Options{})
	out, err := exec.Command("ls", "-l", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "/dev/fuse") {
		t.Errorf("a child process has our connection:\n%s", out)
	}
}

// binaryForAll is the test binary where other users can run it.
func binaryForAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "goosefs-fuse-test-binary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "fuse.test")
	if err := os.WriteFile(at, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

const nobody = 65534

func needHelper(t *testing.T) {
	t.Helper()
	needFuse(t)
	needRoot(t) // to become another user
	if findHelper() == "" {
		missing(t, "no fusermount3")
	}
	if info, err := os.Stat("/dev/fuse"); err != nil || info.Mode().Perm()&0o006 != 0o006 {
		// The usual mode is 0666. Without it users cannot mount, and the test cannot change that safely.
		if os.Chmod("/dev/fuse", 0o666) != nil {
			missing(t, "/dev/fuse is for root only")
		}
		t.Cleanup(func() { os.Chmod("/dev/fuse", info.Mode().Perm()) })
	}
}

func TestMountAsUser(t *testing.T) {
	needHelper(t)
	binary := binaryForAll(t)
	dir := emptyDir(t)
	os.Chown(dir, nobody, nobody)
	p := startChild(t, binary, dir, "ro", nobody)
	if said := p.line(); said != "mounted" {
		t.Fatal(said)
	}
	if e, ok, _ := mountAt(dir); !ok || e.Type != Type || e.Source != "goosefs-fuse" {
		t.Errorf("mountinfo shows %+v", e)
	}
	if _, err := os.ReadFile(dir + "/hello"); errnoIn(err) != syscall.EACCES {
		t.Errorf("root reads a user's mount without allow_other: %v", err)
	}
	cat := exec.Command("cat", dir+"/hello")
	cat.SysProcAttr = p.cmd.SysProcAttr
	if got, err := cat.Output(); err != nil || string(got) != "hello from the child\n" {
		t.Errorf("the user reads %q, %v", got, err)
	}
	p.stdin.Close()
	if said := p.line(); said != "unmounted" {
		t.Error(said)
	}
	if _, ok, _ := mountAt(dir); ok {
		t.Error("it is still mounted")
	}
}

func TestMountAsUserIsRefused(t *testing.T) {
	needHelper(t)
	if conf, _ := os.ReadFile("/etc/fuse.conf"); strings.Contains("\n"+string(conf), "\nuser_allow_other") {
		t.Skip("/etc/fuse.conf allows allow_other to users")
	}
	binary := binaryForAll(t)
	theirs, ours := emptyDir(t), emptyDir(t)
	os.Chown(theirs, nobody, nobody)
	os.Chmod(ours, 0o755)
	for _, c := range []struct{ at, options, says string }{
		{theirs, "allow_other", "add the line user_allow_other to /etc/fuse.conf"},
		{ours, "", "must belong to the user who mounts"},
	} {
		p := startChild(t, binary, c.at, c.options, nobody)
		if said := p.line(); !strings.Contains(said, c.says) {
			t.Errorf("mounting as a user says %q, want %q", said, c.says)
		}
		if p.out.Scan() {
			t.Errorf("it says more than one line: %q", p.out.Text())
		}
	}
}

func TestDeadMountOfAUserIsReplaced(t *testing.T) {
	needHelper(t)
	binary := binaryForAll(t)
	dir := emptyDir(t)
	os.Chown(dir, nobody, nobody)
	for range 2 {
		p := startChild(t, binary, dir, "", nobody)
		if said := p.line(); said != "mounted" {
			t.Fatal(said)
		}
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// Who may read is for the kernel to check, against the modes that we show: the daemon reads as itself for all.
func TestModesCountForOtherUsers(t *testing.T) {
	needRoot(t)
	tree := newMemTree()
	tree.put("/open", []byte("for all"))
	tree.put("/secret", []byte("for root"))
	tree.setMode("/secret", 0o600)
	dir, _ := mounted(t, tree, Options{AllowOther: true})
	wantContent(t, dir+"/secret", "for root")
	for at, want := range map[string]string{"/open": "for all", "/secret": ""} {
		cat := exec.Command("cat", dir+at)
		cat.Dir = "/"
		cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if got, err := cat.Output(); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("another user reads %q from %s, %v", got, at, err)
		}
	}
}

func TestMountPointThatHangs(t *testing.T) {
	tree := newMemTree()
	dir, _ := mounted(t, tree, Options{})
	release := tree.hold("list /")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-tree.entered
		cancel() // as if five seconds had passed
	}()
	s, err := look(ctx, dir, Options{})
	release()
	if err != nil {
		t.Fatal(err)
	}
	err = s.verdict()
	wantErrno(t, "mounting there", err, syscall.ETIMEDOUT)
	if !strings.Contains(fmt.Sprint(err), "does not answer; stop its process, then run: fusermount3 -uz "+dir) {
		t.Error(err)
	}
}
