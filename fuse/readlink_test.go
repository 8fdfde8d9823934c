package fuse

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// A link is a link, by lookup and in a listing, and the kernel follows it.
func TestLinks(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/file", []byte("bytes"))
	tree.link("/d/link", "file")
	tree.link("/up", "d/../d/link")
	tree.link("/none", "not/there")
	tree.link("/loop", "loop")
	dir, _ := mounted(t, tree, Options{Umask: 0o022, XAttrs: true})

	for at, want := range map[string]string{"/d/link": "file", "/up": "d/../d/link", "/none": "not/there"} {
		if got, err := os.Readlink(dir + at); err != nil || got != want {
			t.Errorf("%s leads to %q, %v", at, got, err)
		}
	}
	if b, err := os.ReadFile(dir + "/up"); err != nil || string(b) != "bytes" {
		t.Errorf("through two links: %q, %v", b, err)
	}
	_, err := os.ReadFile(dir + "/none")
	wantErrno(t, "a link to nothing", err, syscall.ENOENT)
	_, err = os.ReadFile(dir + "/loop")
	wantErrno(t, "a link to itself", err, syscall.ELOOP)
	info, err := os.Lstat(dir + "/d/link")
	if err != nil || info.Mode() != fs.ModeSymlink|0o777 || info.Size() != 4 {
		t.Errorf("lstat: %v, %v", info, err)
	}
	if got := getxattr(dir+"/d/link", "user.goosefs.cached"); got != "" && got != "50" { // getxattr follows
		t.Errorf("of what it leads to: %q", got)
	}

	names, err := os.ReadDir(dir + "/d")
	if err != nil || len(names) != 2 || names[0].Type() != 0 || names[1].Type() != fs.ModeSymlink {
		t.Errorf("a listing: %v, %v", names, err)
	}
	// What the mount has from a listing is enough, also once the kernel has forgotten it.
	if got, err := os.Readlink(dir + "/d/link"); err != nil || got != "file" {
		t.Errorf("after a listing: %q, %v", got, err)
	}
	wantErrno(t, "symlink", os.Symlink("x", dir+"/new"), syscall.EROFS)
	wantErrno(t, "unlink", os.Remove(dir+"/d/link"), syscall.EROFS)

	// Another one has its name.
	tree.remove("/d/link")
	tree.link("/d/link", "elsewhere")
	tree.push("/d/link", "/d")
	if got, err := os.Readlink(dir + "/d/link"); err != nil || got != "elsewhere" {
		t.Errorf("replaced: %q, %v", got, err)
	}
	// Or a file, which the next lookup finds.
	tree.remove("/d/link")
	tree.put("/d/link", []byte("file"))
	tree.push("/d/link", "/d")
	eventually(t, "a file where the link was", func() bool {
		b, err := os.ReadFile(dir + "/d/link")
		return err == nil && string(b) == "file"
	})
	tree.fail("stat /none", syscall.EAGAIN)
	tree.push("/none")
	if _, err := os.Readlink(dir + "/none"); err == nil {
		t.Error("a link is read that no master tells of")
	}
}
