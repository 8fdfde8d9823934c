package fuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

func TestErrnoTable(t *testing.T) {
	at := func(errno syscall.Errno) error { return &fs.PathError{Op: "read", Path: "/f", Err: errno} }
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{at(syscall.ENOENT), syscall.ENOENT},
		{at(syscall.ENOTEMPTY), syscall.ENOTEMPTY}, // not EEXIST, though errors.Is says so
		{at(syscall.EEXIST), syscall.EEXIST},
		{at(syscall.EACCES), syscall.EACCES},
		{at(syscall.EPERM), syscall.EPERM},
		{at(syscall.ENOTDIR), syscall.ENOTDIR},
		{at(syscall.EISDIR), syscall.EISDIR},
		{at(syscall.ESTALE), syscall.ESTALE},
		{at(syscall.EINVAL), syscall.EINVAL},
		{at(syscall.ENAMETOOLONG), syscall.ENAMETOOLONG},
		{at(syscall.EROFS), syscall.EROFS},
		{at(syscall.EIO), syscall.EIO},
		{at(syscall.ECANCELED), syscall.EINTR},
		{at(syscall.EINTR), syscall.EINTR},
		{at(syscall.EAGAIN), syscall.EIO},
		{at(syscall.ETIMEDOUT), syscall.EIO},
		{at(syscall.ENOSYS), syscall.EIO},
		{at(syscall.ENOTCONN), syscall.EIO},
		{at(syscall.ENODEV), syscall.EIO},
		{at(syscall.ERANGE), syscall.EIO},
		{at(syscall.ENOKEY), syscall.EACCES},
		{fmt.Errorf("worker w1: %w", at(syscall.ESTALE)), syscall.ESTALE},
		{context.Canceled, syscall.EINTR},
		{context.DeadlineExceeded, syscall.EIO},
		{fs.ErrNotExist, syscall.ENOENT},
		{fs.ErrPermission, syscall.EACCES},
		{io.ErrUnexpectedEOF, syscall.EIO},
		{errors.New("something"), syscall.EIO},
	} {
		if got := errnoOf(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	none := Options{UID: -1, GID: -1}
	for _, c := range []struct {
		text    string
		want    func(*Options)
		ignored []string
		says    string // if it fails
	}{
		{text: ""},
		{text: " , ,"},
		{text: "ro,direct_io,allow_other", want: func(o *Options) { o.ReadOnly, o.DirectIO, o.AllowOther = true, true, true }},
		{text: "rw,direct_io,uid=1000,gid=1001,max_readahead=0", want: func(o *Options) { o.DirectIO, o.UID, o.GID, o.MaxReadAhead = true, 1000, 1001, -1 }},
		{text: "ro, rw", want: func(o *Options) {}},
		{text: "no_open", want: func(o *Options) { o.NoOpen = true }},
		{text: "direct_io,kernel_cache", want: func(o *Options) {}},
		{text: "auto_cache,nosuid,nodev,noatime,default_permissions,big_writes", want: func(o *Options) {}},
		{text: "nonempty,noexec,user_xattr", want: func(o *Options) { o.NonEmpty, o.NoExec, o.XAttrs = true, true, true }},
		{text: "noexec,exec"},
		{text: "umask=027,max_read=131072,max_readahead=65536,max_background=12", want: func(o *Options) {
			o.Umask, o.MaxRead, o.MaxReadAhead, o.MaxBackground = 0o027, 131072, 65536, 12
		}},
		{text: "attr_timeout=7200,entry_timeout=0.5,negative_timeout=0", want: func(o *Options) {
			o.AttrTimeout, o.EntryTimeout, o.NegativeTimeout = 2*time.Hour, 500*time.Millisecond, -1
		}},
		{text: `fsname=a\,b\\c`, want: func(o *Options) { o.FsName = `a,b\c` }},
		{text: "allow_root,suid,dev,subtype=x,what=ever,ro", want: func(o *Options) { o.ReadOnly = true },
			ignored: []string{"allow_root", "suid", "dev", "subtype=x", "what=ever"}},
		{text: "uid=root", says: `mount option "uid=root": not a number between 0 and 2147483647`},
		{text: "gid=-1", says: "not a number"},
		{text: "umask=999", says: "not a number between 0 and 777"},
		{text: "max_read=4294967296", says: "not a number"},
		{text: "max_read", says: "not a number"},
		{text: "max_background=65536", says: "not a number"},
		{text: "attr_timeout=soon", says: "not a number of seconds"},
		{text: "attr_timeout=-1", says: "not a number of seconds"},
		{text: "entry_timeout=NaN", says: "not a number of seconds"},
		{text: "ro=yes", says: "takes no value"},
	} {
		got, ignored, err := ParseOptions(c.text)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q", c.text, err, c.says)
			}
			continue
		}
		want := none
		if c.want != nil {
			c.want(&want)
		}
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || !slices.Equal(ignored, c.ignored) {
			t.Errorf("%q: %+v, ignored %q, %v", c.text, got, ignored, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	o, ignored, err := Options{Root: "data/../x/", EntryTimeout: -1, Raw: []string{"ro,odd", "attr_timeout=3"}}.withDefaults()
	if err != nil || o.Root != "/x" || o.EntryTimeout != 0 || o.AttrTimeout != 3*time.Second || o.NegativeTimeout != unconfirmed ||
		!o.ReadOnly || o.MaxRead != maxRequest || o.MaxBackground != 64 || o.FsName != "goosefs-fuse" || !slices.Equal(ignored, []string{"odd"}) {
		t.Errorf("%+v, ignored %q, %v", o, ignored, err)
	}
	o, _, err = Options{Raw: []string{"no_open,rw,passthrough"}}.withDefaults()
	if err != nil || !o.ReadOnly || o.Passthrough >= 0 {
		t.Errorf("a mount without OPEN: %+v, %v", o, err)
	}
	if _, _, err = (Options{NoOpen: true, Raw: []string{"direct_io"}}).withDefaults(); err == nil {
		t.Error("no_open and direct_io go together")
	}
	if words := helperOptions(Options{FsName: `a,b\c`, ReadOnly: true, MaxRead: 4096}); !strings.Contains(words, `fsname=a\,b\\c`) || !strings.Contains(words, ",ro") {
		t.Error(words)
	}
}

// A story of invalidations: what is believed about something that was asked for at a moment.
func TestTrust(t *testing.T) {
	var tr trust
	early := tr.now()
	if tr.confirmed(early) {
		t.Error("confirmed before there is a stream")
	}
	tr.alive()
	if tr.confirmed(early) {
		t.Error("confirmed though it was asked before the stream lived")
	}
	asked := tr.now()
	if !tr.confirmed(asked) {
		t.Error("not confirmed though the stream lives")
	}
	tr.tick()
	tr.alive() // it goes on: that changes nothing
	if !tr.confirmed(asked) || !tr.confirmed(tr.now()) {
		t.Error("a message takes away what it does not speak of")
	}
	tr.lost()
	if tr.confirmed(asked) || tr.confirmed(tr.now()) {
		t.Error("confirmed though the stream is lost")
	}
	between := tr.now()
	tr.alive()
	if tr.confirmed(asked) || tr.confirmed(between) || !tr.confirmed(tr.now()) {
		t.Error("a stream that is back stands for what was asked before")
	}
}

func TestRemaining(t *testing.T) {
	for _, c := range []struct {
		long, age time.Duration
		confirmed bool
		want      time.Duration
	}{
		{time.Minute, 0, true, time.Minute},
		{time.Minute, 50 * time.Second, true, 10 * time.Second},
		{time.Minute, 0, false, time.Second},
		{time.Minute, 2 * time.Second, false, -time.Second},
		{100 * time.Millisecond, 0, false, 100 * time.Millisecond},
		{0, 0, true, 0},
	} {
		if got := remaining(c.long, c.age, c.confirmed); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestKeptListing(t *testing.T) {
	began := time.Now()
	for _, c := range []struct {
		l         listing
		confirmed bool
		age       time.Duration
		want      bool
	}{
		{listing{}, false, 0, true}, // nothing is kept yet
		{listing{began: began}, true, time.Second, true},
		{listing{began: began}, false, time.Second, false},
		{listing{began: began}, true, time.Minute / 2, false}, // the attributes end before long
	} {
		if got := c.l.usable(c.confirmed, c.age, time.Minute); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Two listings at once, and a change between: what the first may still bring must not be shown again.
func TestKeptListingStaysSuspectWhileAnOldOneRuns(t *testing.T) {
	o, _, _ := Options{}.withDefaults()
	m := &Mounted{opts: o}
	n := &dirNode{node: node{m: m}}
	if n.beginListing() {
		t.Error("names are kept without a stream")
	}
	m.trust.alive()
	if !n.beginListing() {
		t.Fatal("names are not kept")
	}
	n.forget(m.trust.tick(), false)
	for range 2 {
		if n.beginListing() {
			t.Error("names are kept though an old listing is open")
		}
	}
	n.endListing()
	if n.beginListing() {
		t.Error("the kernel was not told to drop what the old listing brought")
	}
	if !n.beginListing() {
		t.Error("names are not kept though all is new")
	}
	n.endListing()
}

func TestParseMountinfo(t *testing.T) {
	all, err := parseMountinfo(`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 22 0:31 / /mnt/a\040b\134c rw,nosuid shared:7 master:3 - fuse.goosefs-fuse goosefs-fuse rw,user_id=0
37 22 0:32 / /x ro - tmpfs none ro
`)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if want := (mountEntry{Dev: "0:31", Point: `/mnt/a b\c`, Type: "fuse.goosefs-fuse", Source: "goosefs-fuse"}); all[1] != want {
		t.Errorf("%+v", all[1])
	}
	if all[2].Type != "tmpfs" {
		t.Errorf("%+v", all[2])
	}
	for _, bad := range []string{"22 1 254:0 / / rw\n", "22 1 254:0 / / rw shared:1 -\n", "x\n"} {
		if _, err := parseMountinfo(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if got := unescape(`a\0`); got != `a\0` {
		t.Error(got)
	}
}

func TestVerdict(t *testing.T) {
	good := situation{point: "/m", isDir: true, empty: true, root: true}
	ours := mountEntry{Type: Type}
	for what, c := range map[string]struct {
		change func(*situation)
		errno  syscall.Errno
		says   string
	}{
		"good":             {func(s *situation) {}, 0, ""},
		"user with helper": {func(s *situation) { s.root, s.helper = false, "/bin/fusermount3" }, 0, ""},
		"other's mount":    {func(s *situation) { s.isMount, s.mounted.Type = true, "tmpfs" }, 0, ""},
		"full, allowed":    {func(s *situation) { s.empty, s.nonEmpty = false, true }, 0, ""},
		"full":             {func(s *situation) { s.empty = false }, syscall.ENOTEMPTY, "-o nonempty"},
		"not there":        {func(s *situation) { s.statErr = syscall.ENOENT }, syscall.ENOENT, "mkdir -p /m"},
		"file":             {func(s *situation) { s.isDir = false }, syscall.ENOTDIR, "another path"},
		"forbidden":        {func(s *situation) { s.statErr = syscall.EACCES }, syscall.EACCES, "cannot be used"},
		"mounted":          {func(s *situation) { s.isMount, s.mounted = true, ours }, syscall.EBUSY, "fusermount3 -u /m"},
		"dead, other's":    {func(s *situation) { s.statErr, s.isMount, s.mounted.Type = syscall.ENOTCONN, true, "fuse.x" }, syscall.ENOTCONN, "fusermount3 -uz /m"},
		"hangs":            {func(s *situation) { s.statErr, s.isMount, s.mounted = syscall.ETIMEDOUT, true, ours }, syscall.ETIMEDOUT, "fusermount3 -uz /m"},
		"no fuse":          {func(s *situation) { s.device = syscall.ENOENT }, syscall.ENOENT, "modprobe fuse"},
		"fuse not loaded":  {func(s *situation) { s.device = syscall.ENODEV }, syscall.ENODEV, "--device /dev/fuse"},
		"no right to fuse": {func(s *situation) { s.device = syscall.EACCES }, syscall.EACCES, "run as root"},
		"no helper":        {func(s *situation) { s.root = false }, syscall.EPERM, "apt install fuse3"},
	} {
		s := good
		c.change(&s)
		err := s.verdict()
		if errnoIn(err) != c.errno || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "mount /m: ")) {
			t.Errorf("%s: %v", what, err)
		}
	}
	dead := good
	dead.statErr, dead.isMount, dead.mounted = syscall.ENOTCONN, true, ours
	if err := dead.verdict(); !errors.Is(err, errStale) {
		t.Errorf("a dead mount of ours: %v", err)
	}
}

func TestHelperError(t *testing.T) {
	for said, says := range map[string]string{
		"/usr/bin/fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf\n": "add the line user_allow_other",
		"fusermount3: user has no write access to mountpoint /x\n":                                               "must belong to the user",
		"fusermount3: too many\nFUSE filesystems mounted\n":                                                      "fusermount3: too many FUSE filesystems mounted",
		"": "exit status 1",
	} {
		if got := helperError(said, errors.New("exit status 1")); !strings.Contains(got.Error(), says) || strings.Contains(got.Error(), "\n") {
			t.Errorf("%q becomes %q", said, got)
		}
	}
}

func TestOwners(t *testing.T) {
	o := newOwners(-1, -1)
	for _, c := range []struct {
		owner, group string
		uid, gid     uint32
	}{
		{"root", "root", 0, 0}, {"nobody", "", 65534, 0}, {"no such user", "no such group", 0, 0}, {"1234", "99999", 1234, 99999}, {"-5", "4294967296", 0, 0},
	} {
		for range 2 { // the second time from memory
			if uid, gid := o.ids(c.owner, c.group); uid != c.uid || gid != c.gid {
				t.Errorf("%+v: %d, %d", c, uid, gid)
			}
		}
	}
	if uid, gid := newOwners(7, 8).ids("root", "root"); uid != 7 || gid != 8 {
		t.Errorf("fixed owners: %d, %d", uid, gid)
	}
}

func TestInodeNumbers(t *testing.T) {
	for _, id := range []int64{0, 1, -1} {
		if ino := inoOf(client.Info{ID: id}); ino == 0 || ino == 1 || ino == ^uint64(0) {
			t.Errorf("id %d has inode %d", id, ino)
		}
	}
	if ino := inoOf(client.Info{ID: 5<<24 | 0xFFFFFF}); ino != 5<<24|0xFFFFFF {
		t.Error(ino)
	}
	for block, want := range map[int64]uint32{0: 1 << 20, 64 << 20: 1 << 20, 1 << 20: 1 << 20, 100_000: 65536, 10: 4096} {
		if got := blksize(block); got != want {
			t.Errorf("blocks of %d: blksize %d", block, got)
		}
	}
}

func TestStatfs(t *testing.T) {
	tree := newMemTree()
	tree.workers = []client.Worker{
		{Live: true, Blocks: 3, Tiers: []client.Tier{{Quota: 1 << 30, Used: 1 << 28}, {Quota: 1 << 30, Used: 1 << 31}}},
		{Live: true, Tiers: []client.Tier{{Quota: 2 << 30}}},
		{Live: false, Blocks: 99, Tiers: []client.Tier{{Quota: 1 << 40, Used: 1 << 30}}},
	}
	dir, m := mounted(t, tree, Options{})
	var s syscall.Statfs_t
	statfs := func() {
		t.Helper()
		if err := syscall.Statfs(dir, &s); err != nil {
			t.Fatal(err)
		}
	}
	statfs()
	const used = 1<<28 + 1<<30 // no more than the quota
	if s.Bsize != 4096 || s.Blocks != 4<<30/4096 || s.Bfree != (4<<30-used)/4096 || s.Bavail != s.Bfree || s.Files-s.Ffree != 3 || s.Ffree < 1<<20 || s.Namelen != 255 {
		t.Errorf("%+v", s)
	}
	calls := tree.count("workers")
	for range 100 {
		statfs()
	}
	if more := tree.count("workers") - calls; more > 3 {
		t.Errorf("%d calls for 100 times df", more)
	}
	tree.fail("workers ", syscall.EAGAIN)
	m.capacity.mu.Lock()
	m.capacity.mu.until = time.Time{}
	m.capacity.mu.Unlock()
	if statfs(); s.Blocks != 4<<30/4096 {
		t.Error("without a master df forgets what it knew")
	}
}

// df must not hang for a cluster that does not answer.
func TestStatfsOfAClusterThatHangs(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	release := tree.hold("workers ")
	defer release()
	c := capacity{tree: tree}
	var out gofuse.StatfsOut
	c.fill(t.Context(), &out)
	if out.Blocks != 0 || out.Bsize != 4096 || out.Ffree == 0 {
		t.Errorf("%+v", out)
	}
}
