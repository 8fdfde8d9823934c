package fuse

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goosefs/client"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
)

// Extended attributes, with Options.XAttrs:
//
//	user.goosefs.id       file id, which names this version
//	user.goosefs.cached   percent of the bytes that workers hold
//	user.goosefs.ufs      where it is in the under file system
//	user.goosefs.workers  hosts that hold a part of it
//	user.goosefs.read     how it is read, or would be: passthrough (by the kernel), descriptor (by the mount, from a
//	                      worker's disk, all of it), or mount (which asks a worker) and why not directly
//
// What the masters keep as an attribute of a file is there, too: name as user.name. Ours go before theirs.
const (
	xattrPrefix = "user.goosefs."
	userPrefix  = "user."
)

// xattrNames are what listxattr shows, of files and directories.
func xattrNames(dir bool) []string {
	if dir {
		return []string{"id", "ufs"}
	}
	return []string{"cached", "id", "read", "ufs", "workers"}
}

// xattr is the value of an attribute.
func xattr(info client.Info, name string) (value string, ok bool) {
	switch name {
	case "id":
		return strconv.FormatInt(info.ID, 10), true
	case "ufs":
		return info.UFSPath, true
	case "cached":
		return strconv.Itoa(info.Percent), !info.Dir
	case "workers":
		return strings.Join(holders(info), ","), !info.Dir
	case "read":
		return "", !info.Dir // it is not in the info
	}
	return "", false
}

// holders are the hosts that hold a part of the file, in the order of its blocks.
func holders(info client.Info) []string {
	var hosts []string
	seen := make(map[string]bool)
	for _, b := range info.Blocks {
		for _, l := range b.Locations {
			if l.Cached() && !seen[l.Host] {
				seen[l.Host] = true
				hosts = append(hosts, l.Host)
			}
		}
	}
	return hosts
}

// keptXattr is the value of an attribute that the masters keep, by its name here.
func keptXattr(info client.Info, attr string) (value string, ok bool) {
	name, ok := strings.CutPrefix(attr, userPrefix)
	if !ok {
		return "", false
	}
	b, ok := info.Xattr[name]
	return string(b), ok
}

// Getxattr asks the tree anew: what is cached changes all the time. Names that nobody can have cost no call.
func (n *node) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if !strings.HasPrefix(attr, userPrefix) {
		return 0, syscall.ENODATA
	}
	name, ours := strings.CutPrefix(attr, xattrPrefix)
	if ours {
		_, ours = xattr(client.Info{Dir: n.IsDir()}, name)
	}
	ctx, stop := patient(ctx)
	defer stop()
	info, err := n.m.tree.Stat(ctx, n.path(), client.StatOptions{})
	if err != nil {
		return 0, n.m.failed("getxattr", n.path(), err)
	}
	if !ours {
		value, ok := keptXattr(info, attr)
		if !ok {
			return 0, syscall.ENODATA
		}
		return fit(value, dest)
	}
	value, _ := xattr(info, name)
	if file, ok := n.EmbeddedInode().Operations().(*fileNode); ok && name == "read" {
		value = file.way(ctx, info)
	}
	return fit(value, dest)
}

// Listxattr lists the names. Those that the masters keep are asked for.
func (n *node) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	ctx, stop := patient(ctx)
	defer stop()
	info, err := n.m.tree.Stat(ctx, n.path(), client.StatOptions{})
	if err != nil {
		return 0, n.m.failed("listxattr", n.path(), err)
	}
	var all strings.Builder
	for _, name := range xattrNames(n.IsDir()) {
		all.WriteString(xattrPrefix + name + "\x00")
	}
	for _, name := range slices.Sorted(maps.Keys(info.Xattr)) {
		own, ours := strings.CutPrefix(userPrefix+name, xattrPrefix)
		if _, taken := xattr(info, own); presentableXattr(name) && !(ours && taken) {
			all.WriteString(userPrefix + name + "\x00")
		}
	}
	return fit(all.String(), dest)
}

// presentableXattr says if the kernel takes a name, with its prefix.
func presentableXattr(name string) bool {
	return name != "" && len(userPrefix)+len(name) <= nameMax && !strings.Contains(name, "\x00")
}

// fit copies a value to dest and gives its size; ERANGE tells the caller to bring a larger buffer.
func fit(value string, dest []byte) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

var (
	_ gofusefs.NodeGetxattrer  = (*fileNode)(nil)
	_ gofusefs.NodeListxattrer = (*dirNode)(nil)
)
