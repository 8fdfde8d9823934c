package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/manifest"
	"goosefs/test/program"
)

func TestReconcile(t *testing.T) {
	want := func(name, ufs string) manifest.Mount { return manifest.Mount{Name: name, MountPoint: ufs} }
	have := func(path, ufs string) client.MountPoint { return client.MountPoint{Path: path, UFS: ufs} }
	for _, test := range []struct {
		name string
		have []client.MountPoint
		want []manifest.Mount
		ours []MountRecord
		get  string
	}{
		{"nothing yet", nil, []manifest.Mount{want("a", "http://x/a/")}, nil, "mount /a: mounted"},
		{"the same, but for a slash", []client.MountPoint{have("/a", "http://x/a")}, []manifest.Mount{want("a", "http://x/a/")}, nil, "/a: mounted already"},
		{"another source", []client.MountPoint{have("/a", "http://u:secret@y/")}, []manifest.Mount{want("a", "http://x/a/")}, nil,
			"unmount mount /a: was http://u:xxxxx@y/: mounted anew, what was cached of it is dropped"},
		{"the master calls a web directory read-only", []client.MountPoint{{Path: "/a", UFS: "http://x/", ReadOnly: true}}, []manifest.Mount{want("a", "http://x/")},
			[]MountRecord{{Path: "/a", UFS: "http://x/"}}, "/a: mounted already"},
		{"read-only now", []client.MountPoint{have("/a", "x")}, []manifest.Mount{{Name: "a", MountPoint: "x", ReadOnly: true}}, nil,
			"unmount mount /a: readOnly was false: mounted anew, what was cached of it is dropped"},
		{"read-only no more", []client.MountPoint{{Path: "/a", UFS: "x", ReadOnly: true}}, []manifest.Mount{want("a", "x")}, []MountRecord{{Path: "/a", UFS: "x", ReadOnly: true}},
			"unmount mount /a: readOnly was true: mounted anew, what was cached of it is dropped"},
		{"shared now", []client.MountPoint{have("/a", "x")}, []manifest.Mount{{Name: "a", MountPoint: "x", Shared: true}}, nil,
			"unmount mount /a: shared was false: mounted anew, what was cached of it is dropped"},
		{"an option changed", []client.MountPoint{{Path: "/a", UFS: "x", Options: map[string]string{"k": "1"}}}, []manifest.Mount{{Name: "a", MountPoint: "x", Options: map[string]string{"k": "2"}}}, nil,
			"unmount mount /a: option k changed: mounted anew, what was cached of it is dropped"},
		{"a secret cannot be compared", []client.MountPoint{{Path: "/a", UFS: "x", Options: map[string]string{"k": "******"}}}, []manifest.Mount{{Name: "a", MountPoint: "x", Options: map[string]string{"k": "2"}}}, nil,
			"/a: mounted already"},
		{"an option went", []client.MountPoint{{Path: "/a", UFS: "x", Options: map[string]string{"k": "1"}}}, []manifest.Mount{want("a", "x")}, []MountRecord{{Path: "/a", UFS: "x", Options: map[string]string{"k": "1"}}},
			"unmount mount /a: option k went: mounted anew, what was cached of it is dropped"},
		{"an option that the master added", []client.MountPoint{{Path: "/a", UFS: "x", Options: map[string]string{"k": "1"}}}, []manifest.Mount{want("a", "x")}, nil, "/a: mounted already"},
		{"gone from the manifest; one by hand stays", []client.MountPoint{have("/", "f"), have("/a", "x"), have("/hand", "y")}, nil, []MountRecord{{Path: "/a", UFS: "x"}, {Path: "/never", UFS: "z"}},
			"unmount /a: no longer in the manifest: unmounted"},
		{"ours was replaced by hand", []client.MountPoint{have("/a", "other")}, nil, []MountRecord{{Path: "/a", UFS: "x"}}, ""},
		{"nested ones in order", nil, []manifest.Mount{want("a/b", "y"), want("a", "x")}, nil, "mount /a: mounted; mount /a/b: mounted"},
	} {
		var got []string
		for _, s := range reconcile(test.have, test.want, test.ours) {
			text := s.path + ": " + s.why
			if s.mount {
				text = "mount " + text
			}
			if s.unmount {
				text = "unmount " + text
			}
			got = append(got, text)
		}
		if strings.Join(got, "; ") != test.get {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, strings.Join(got, "; "), test.get)
		}
	}
}

func TestPerformMountsFromTheTopAndUnmountsFromTheBottom(t *testing.T) {
	f := &fakeCluster{masters: []string{"m:1"}}
	f.mu.mounts = []client.MountPoint{{Path: "/a", UFS: "old"}, {Path: "/a/b", UFS: "old"}}
	steps := reconcile(f.mu.mounts, []manifest.Mount{{Path: "/a", MountPoint: "http://u:secret@x/"}, {Path: "/a/b", MountPoint: "y"}}, nil)
	var said []string
	if err := perform(context.Background(), f, steps, func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }); err != nil {
		t.Fatal(err)
	}
	want := "unmount /a/b, unmount /a, mkdir /, mount /a http://u:secret@x/, mkdir /a, mount /a/b y"
	if got := strings.Join(f.mu.calls, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(strings.Join(said, "\n"), "secret") {
		t.Errorf("a password is shown: %q", said)
	}
}

// lossy loses the answers to changes, or refuses them.
type lossy struct {
	*fakeCluster
	refuse, mkdir error
}

func (l lossy) Mount(ctx context.Context, path, ufs string, o client.MountOptions) error {
	if l.refuse != nil {
		return l.refuse
	}
	if err := l.fakeCluster.Mount(ctx, path, ufs, o); err != nil {
		return err
	}
	return l.fakeCluster.Mount(ctx, path, ufs, o) // as a retry does
}

func (l lossy) Mkdir(ctx context.Context, path string, o client.MkdirOptions) error {
	return errors.Join(l.mkdir, l.fakeCluster.Mkdir(ctx, path, o))
}

func TestMountWhoseAnswerWasLost(t *testing.T) {
	c := lossy{fakeCluster: &fakeCluster{masters: []string{"m:1"}}}
	if err := mountAt(context.Background(), c, mountStep{path: "/a", ufs: "x"}); err != nil {
		t.Errorf("it is mounted, and yet: %v", err)
	}
	c.refuse = &os.PathError{Op: "mount", Path: "/a", Err: syscall.EEXIST}
	if err := mountAt(context.Background(), c, mountStep{path: "/a", ufs: "other"}); err == nil {
		t.Error("something else is there, and no error")
	}
	c.refuse = &os.PathError{Op: "mount", Path: "/a", Err: syscall.EIO}
	if err := mountAt(context.Background(), c, mountStep{path: "/b", ufs: "x"}); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	c.mkdir = &os.PathError{Op: "mkdir", Path: "/deep", Err: syscall.EROFS}
	if err := mountAt(context.Background(), c, mountStep{path: "/deep/b", ufs: "x"}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v", err)
	}
	gone := mountStep{path: "/gone", unmount: true}
	if err := perform(context.Background(), c, []mountStep{gone}, func(string, ...any) {}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("unmount of what is gone: %v", err)
	}
}

func TestSourceThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a": "12345", "sub/b": "678"} {
		if err := writeFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := &fakeCluster{masters: []string{"m:1"}, source: dir, broken: &os.PathError{Op: "stat", Path: "http://x/", Err: syscall.EIO}}
	var out program.Output
	u := &session{o: options{Stdout: &out, Stderr: &out}, masters: f, ledger: newLedger(filepath.Join(dir, "cluster.json"), Record{})}
	u.plan.Dataset = []manifest.Mount{{Name: "hbase", MountPoint: "http://x/"}}
	if err := u.countDataset(context.Background()); !errors.Is(err, syscall.EIO) {
		t.Errorf("a new dataset: %v", err)
	}
	u.previous = &Record{}
	if err := u.countDataset(context.Background()); err != nil {
		t.Errorf("a known dataset: %v", err)
	}
	if r := u.ledger.record(); r.Dataset.UFSTotal != 8 || r.Dataset.Files != 2 {
		t.Errorf("counted %+v", r.Dataset)
	}
	if want := "warning: /hbase cannot be compared with its source: stat http://x/: input/output error; what is known of it stays\n"; out.String() != want {
		t.Errorf("said %q", out.String())
	}
}

func TestUnion(t *testing.T) {
	got := union([]MountRecord{{Path: "/a", UFS: "old"}, {Path: "/b"}}, []MountRecord{{Path: "/a", UFS: "new"}})
	if !slices.EqualFunc(got, []MountRecord{{Path: "/a", UFS: "new"}, {Path: "/b"}}, func(a, b MountRecord) bool { return a.Path == b.Path && a.UFS == b.UFS }) {
		t.Errorf("got %+v", got)
	}
}
