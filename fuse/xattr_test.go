package fuse

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"

	"golang.org/x/sys/unix"
)

func getxattr(at, name string) string {
	buf := make([]byte, 1000)
	n, err := unix.Getxattr(at, name, buf)
	if err != nil {
		return err.Error()
	}
	return string(buf[:n])
}

func TestXAttrs(t *testing.T) {
	tree := newMemTree()
	id := tree.put("/d/f", []byte("x"))
	dir, _ := mounted(t, tree, Options{XAttrs: true})
	for name, want := range map[string]string{
		"user.goosefs.id":         fmt.Sprint(id),
		"user.goosefs.cached":     "50",
		"user.goosefs.ufs":        "http://source/d/f",
		"user.goosefs.workers":    "w1",
		"user.goosefs.what":       syscall.ENODATA.Error(),
		"security.selinux":        syscall.ENODATA.Error(),
		"system.posix_acl_access": syscall.ENODATA.Error(),
	} {
		if got := getxattr(dir+"/d/f", name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := getxattr(dir+"/d", "user.goosefs.cached"); got != syscall.ENODATA.Error() {
		t.Errorf("a directory is cached: %q", got)
	}
	buf := make([]byte, 1000)
	n, err := unix.Listxattr(dir+"/d/f", buf)
	if names := strings.Split(strings.TrimSuffix(string(buf[:max(n, 0)]), "\x00"), "\x00"); err != nil || len(names) != 5 || names[0] != "user.goosefs.cached" {
		t.Errorf("%q, %v", names, err)
	}
	_, err = unix.Getxattr(dir+"/d/f", "user.goosefs.ufs", make([]byte, 3))
	wantErrno(t, "too small a buffer", err, syscall.ERANGE)
	if n, err := unix.Getxattr(dir+"/d/f", "user.goosefs.ufs", nil); err != nil || n != len("http://source/d/f") {
		t.Errorf("size: %d, %v", n, err)
	}
	wantErrno(t, "setxattr", unix.Setxattr(dir+"/d/f", "user.goosefs.id", []byte("1"), 0), syscall.EROFS)
	wantErrno(t, "removexattr", unix.Removexattr(dir+"/d/f", "user.goosefs.id"), syscall.EROFS)
	tree.fail("stat /d/f", syscall.EAGAIN)
	if got := getxattr(dir+"/d/f", "user.goosefs.id"); got != syscall.EIO.Error() {
		t.Errorf("without a master: %q", got)
	}
}

// What masters keep of a file shows beside what the mount says of it, and never in its place.
func TestKeptXAttrs(t *testing.T) {
	tree := newMemTree()
	tree.put("/d/f", []byte("x"))
	tree.link("/d/l", "f")
	keep := func(at string, attributes map[string][]byte) {
		tree.update(at, func(i *client.Info) { i.Xattr = attributes })
	}
	keep("/d", map[string][]byte{"innerWriteType": []byte("CACHE_THROUGH")})
	keep("/d/f", map[string][]byte{"a": {}, "goosefs.id": []byte("mine"), "goosefs.other": []byte("o"), strings.Repeat("n", 251): nil, "": nil})
	dir, _ := mounted(t, tree, Options{XAttrs: true})
	list := func(at string) string {
		buf := make([]byte, 1000)
		n, err := unix.Llistxattr(dir+at, buf)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSuffix(strings.ReplaceAll(string(buf[:n]), "\x00", " "), " ")
	}
	if got, want := list("/d"), "user.goosefs.id user.goosefs.ufs user.innerWriteType"; got != want {
		t.Errorf("of the directory: %s", got)
	}
	if got, want := list("/d/f"), "user.goosefs.cached user.goosefs.id user.goosefs.read user.goosefs.ufs user.goosefs.workers user.a user.goosefs.other"; got != want {
		t.Errorf("of the file: %s", got)
	}
	if got := list("/d/l"); got != "" {
		t.Errorf("of the link: %s", got)
	}
	if got := getxattr(dir+"/d", "user.innerWriteType"); got != "CACHE_THROUGH" {
		t.Error(got)
	}
	if got := getxattr(dir+"/d/f", "user.a"); got != "" {
		t.Error(got)
	}
	if got := getxattr(dir+"/d/f", "user.goosefs.other"); got != "o" {
		t.Error(got)
	}
	if got := getxattr(dir+"/d/f", "user.goosefs.id"); got == "mine" {
		t.Error("an attribute passes for one of the mount's")
	}
	if got := getxattr(dir+"/d/f", "user.none"); got != syscall.ENODATA.Error() {
		t.Error(got)
	}
	tree.fail("stat /d", syscall.EAGAIN)
	if got := list("/d"); got != syscall.EIO.Error() {
		t.Errorf("without a master: %s", got)
	}
}

func TestNoXAttrsByDefault(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", []byte("x"))
	dir, _ := mounted(t, tree, Options{})
	if got := getxattr(dir+"/f", "user.goosefs.id"); got != syscall.EOPNOTSUPP.Error() {
		t.Error(got)
	}
}
