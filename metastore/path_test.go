package metastore

import (
	"errors"
	"path"
	"strings"
	"syscall"
	"testing"
)

func TestCleanPath(t *testing.T) {
	long := strings.Repeat("n", maxName)
	deep := strings.Repeat("/n", maxPath/2)
	for _, c := range []struct {
		in, want string
		errno    syscall.Errno
	}{
		{in: "/", want: "/"},
		{in: "///", want: "/"},
		{in: "/./.", want: "/"},
		{in: "/a/b", want: "/a/b"},
		{in: "//a/./b//", want: "/a/b"},
		{in: "/a /\n/\xff", want: "/a /\n/\xff"},
		{in: "/.a/..b/c.", want: "/.a/..b/c."},
		{in: "/" + long, want: "/" + long},
		{in: deep, want: deep},
		{in: "", errno: syscall.EINVAL},
		{in: "a", errno: syscall.EINVAL},
		{in: "/a/../b", errno: syscall.EINVAL},
		{in: "/..", errno: syscall.EINVAL},
		{in: "/a\x00b", errno: syscall.EINVAL},
		{in: "/" + long + "n", errno: syscall.ENAMETOOLONG},
		{in: deep + "n", errno: syscall.ENAMETOOLONG},
	} {
		got, err := CleanPath("test", c.in)
		errno, _ := errors.AsType[syscall.Errno](err)
		if got != c.want || errno != c.errno {
			t.Errorf("CleanPath(%.20q) = %.20q, %v; want %.20q, errno %d", c.in, got, err, c.want, c.errno)
		}
	}
}

// FuzzCleanPath: what comes out is what the standard library calls clean, or an
// error, and is its own clean form.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"/", "/a//b/./c/", "/a/../b", "a", "", "/\x00", "/\xff/…"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		clean, err := CleanPath("fuzz", p)
		if err != nil {
			errno, ok := errors.AsType[syscall.Errno](err)
			if !ok || errno != syscall.EINVAL && errno != syscall.ENAMETOOLONG {
				t.Errorf("CleanPath(%q): %v", p, err)
			}
			return
		}
		if clean != path.Clean(p) {
			t.Errorf("CleanPath(%q) = %q, path.Clean makes %q", p, clean, path.Clean(p))
		}
		if again, err := CleanPath("fuzz", clean); err != nil || again != clean {
			t.Errorf("CleanPath(%q) = %q, %v", clean, again, err)
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(clean, "/"), "/") {
			if clean != "/" && !validName(name) {
				t.Errorf("CleanPath(%q) has the name %q", p, name)
			}
		}
	})
}

func TestMountTable(t *testing.T) {
	table := mountTable{}.with(Mount{ID: 1, Path: "/", UFS: "mem://root/"}).
		with(Mount{ID: 2, Path: "/a", UFS: "mem://a"}).with(Mount{ID: 3, Path: "/a/b", UFS: "mem://b"})
	for p, want := range map[string]int64{"/": 1, "/ab": 1, "/a": 2, "/a/bc": 2, "/a/b": 3, "/a/b/c/d": 3} {
		if got := table.nearest(p).ID; got != want {
			t.Errorf("nearest(%q) is mount %d, want %d", p, got, want)
		}
	}
	if got := table.below("/"); len(got) != 2 || got[0].ID != 2 {
		t.Errorf("below(/) = %v", got)
	}
	if got := table.without("/").nearest("/x"); got.ID != 0 || got.ufsPath("x") != "" {
		t.Errorf("without a root mount /x is in %v", got)
	}
}
