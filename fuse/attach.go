package fuse

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attachment is a mount in the making or made: what connects /dev/fuse with a mount point. We do this ourselves, not
// by go-fuse, so that the descriptor is not inherited by child processes (a mount lives as long as any copy of it), and
// so that the messages of fusermount3 reach the user.
type attachment struct {
	point  string
	helper string // fusermount3; empty: mount(2) and umount(2)
}

// attach mounts with the given options and returns the connection to the kernel.
func (a attachment) attach(o Options) (fd int, err error) {
	if a.helper == "" {
		fd, err = a.mount(o)
	} else {
		fd, err = a.mountByHelper(o)
	}
	if err != nil {
		return -1, &fs.PathError{Op: "mount", Path: a.point, Err: err}
	}
	return fd, nil
}

// mount mounts by mount(2), as root.
func (a attachment) mount(o Options) (fd int, err error) {
	fd, err = syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	flags, data := mountArguments(o, fd, os.Geteuid(), os.Getegid())
	if err := unix.Mount(o.FsName, a.point, Type, flags, data); err != nil {
		syscall.Close(fd)
		if err == unix.EPERM {
			return -1, &refusal{syscall.EPERM, "the kernel refuses to mount; in a container add: --device /dev/fuse --cap-add SYS_ADMIN"}
		}
		return -1, err
	}
	return fd, nil
}

// mountArguments are the flags and the data of mount(2).
func mountArguments(o Options, fd, uid, gid int) (flags uintptr, data string) {
	flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOATIME
	if o.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	if o.NoExec {
		flags |= unix.MS_NOEXEC
	}
	data = fmt.Sprintf("fd=%d,rootmode=%o,user_id=%d,group_id=%d,max_read=%d,default_permissions", fd, syscall.S_IFDIR, uid, gid, o.MaxRead)
	if o.AllowOther {
		data += ",allow_other"
	}
	return flags, data
}

// helperOptions are the same in the words of fusermount3, which adds nosuid and nodev.
func helperOptions(o Options) string {
	words := []string{"noatime", "default_permissions", "subtype=" + subtype, "fsname=" + escapeOption(o.FsName), fmt.Sprintf("max_read=%d", o.MaxRead)}
	for word, on := range map[string]bool{"ro": o.ReadOnly, "noexec": o.NoExec, "allow_other": o.AllowOther} {
		if on {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

func escapeOption(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(value)
}

// mountByHelper lets fusermount3 mount and hand the connection over, through a socket.
func (a attachment) mountByHelper(o Options) (fd int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "fusermount"), os.NewFile(uintptr(pair[1]), "fusermount")
	defer ours.Close()
	var said bytes.Buffer
	cmd := exec.Command(a.helper, "-o", helperOptions(o), "--", a.point)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = &said
	err = cmd.Run()
	theirs.Close()
	if err != nil {
		return -1, helperError(said.String(), err)
	}
	return receive(pair[0])
}

// receive takes one descriptor from a socket.
func receive(socket int) (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 4), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("fusermount3 sent no descriptor: %w", syscall.EPROTO)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("fusermount3 sent no descriptor: %w", syscall.EPROTO)
	}
	return fds[0], nil
}

// helperError is one line made of what fusermount3 said.
func helperError(said string, err error) error {
	said = strings.Join(strings.Fields(said), " ")
	switch {
	case strings.Contains(said, "user_allow_other"):
		return &refusal{syscall.EPERM, "allow_other is for root only on this host; add the line user_allow_other to /etc/fuse.conf, or mount without it"}
	case strings.Contains(said, "ermission denied") || strings.Contains(said, "no write access"):
		return &refusal{syscall.EACCES, said + "; the mount point must belong to the user who mounts"}
	case said == "":
		said = err.Error()
	}
	return &refusal{syscall.EPERM, said}
}

// detach unmounts. lazy takes the mount point from view at once, and leaves open files to those who have them;
// otherwise EBUSY says that there are any.
func (a attachment) detach(ctx context.Context, lazy bool) error {
	flags, words := 0, []string{"-u"}
	if lazy {
		flags, words = unix.MNT_DETACH, []string{"-u", "-z"}
	}
	err := unix.Unmount(a.point, flags|unix.UMOUNT_NOFOLLOW)
	if err != unix.EPERM {
		return err
	}
	if a.helper == "" {
		return err
	}
	out, err := exec.CommandContext(ctx, a.helper, append(words, "--", a.point)...).CombinedOutput()
	switch said := string(out); {
	case err == nil:
		return nil
	case strings.Contains(said, "busy"):
		return syscall.EBUSY
	case strings.Contains(said, "not found") || strings.Contains(said, "not mounted"):
		return syscall.EINVAL
	default:
		return helperError(said, err)
	}
}
