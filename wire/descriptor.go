package wire

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// Messages over a unix socket between processes of one host, one a packet, and with it at most one descriptor.

// maxPacket is the longest message, in bytes: a refusal names a path. Each that is received takes so much memory, and for
// small files it is received for each.
const maxPacket = 8 << 10

// ListenHandouts listens at a path, which only this user and root can reach. A socket that a dead process left there is
// replaced; one that somebody listens at is EADDRINUSE.
func ListenHandouts(path string) (*net.UnixListener, error) {
	if conn, err := DialHandouts(path); err == nil {
		conn.Close()
		return nil, &fs.PathError{Op: "listen", Path: path, Err: syscall.EADDRINUSE}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := shortly(path, func(short string) (err error) {
		l, err = net.ListenUnix("unixpacket", &net.UnixAddr{Name: short, Net: "unixpacket"})
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "listen", Path: path, Err: causeOf(err)}
	}
	l.SetUnlinkOnClose(false) // by a name that may not be the real one
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// DialHandouts connects to a socket at a path.
func DialHandouts(path string) (conn *net.UnixConn, err error) {
	err = shortly(path, func(short string) (err error) {
		conn, err = net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: short, Net: "unixpacket"})
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "connect", Path: path, Err: causeOf(err)}
	}
	return conn, nil
}

func causeOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// shortly does something with a name of a path that a socket's address has room for: the kernel takes 107 bytes.
func shortly(path string, do func(short string) error) error {
	if len(path) <= 107 {
		return do(path)
	}
	dir, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return do("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path))
}

// Peer is the user at the other end of a connection.
func Peer(conn *net.UnixConn) (uid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// SendPacket sends a message, and a descriptor if there is one. The file stays the caller's.
func SendPacket(conn *net.UnixConn, m proto.Message, f *os.File) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	var rights []byte
	if f != nil {
		rights = unix.UnixRights(int(f.Fd()))
	}
	n, _, err := conn.WriteMsgUnix(b, rights, nil)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// ReceivePacket receives a message, and the descriptor that came with it, if one did; the caller closes it. io.EOF: the
// other end is gone.
func ReceivePacket(conn *net.UnixConn, m proto.Message) (*os.File, error) {
	b, control := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4*4))
	n, nc, flags, _, err := conn.ReadMsgUnix(b, control)
	if err != nil {
		return nil, err
	}
	files, err := descriptors(control[:nc])
	switch {
	case err != nil:
	case n == 0 && len(files) == 0:
		err = io.EOF // an empty message cannot be told from the end
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || len(files) > 1:
		err = fmt.Errorf("a packet that is too long: %w", syscall.EMSGSIZE)
	default:
		err = proto.Unmarshal(b[:n], m)
	}
	if err != nil || len(files) == 0 {
		for _, f := range files {
			f.Close()
		}
		return nil, err
	}
	return files[0], nil
}

// descriptors are those of a control message.
func descriptors(control []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		fds, failed := unix.ParseUnixRights(&m)
		err = errors.Join(err, failed)
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, err
}
