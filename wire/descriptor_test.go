package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goosefs/wire/clusterpb"

	"golang.org/x/sys/unix"
)

// pairOf listens at a path and connects to it.
func pairOf(t *testing.T, path string) (server, client *net.UnixConn) {
	t.Helper()
	l, err := ListenHandouts(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	client, err = DialHandouts(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}

// A message comes with the descriptor that was sent with it, also over a socket with a long path.
func TestDescriptorsAreHandedOver(t *testing.T) {
	for name, dir := range map[string]string{"short": "", "long": strings.Repeat("long/", 40)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), dir, "socket")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			server, client := pairOf(t, path)
			if uid, err := Peer(server); err != nil || int(uid) != os.Geteuid() {
				t.Errorf("the peer is %d, %v", uid, err)
			}
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", st.Mode(), err)
			}
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			if err := SendPacket(server, &clusterpb.HandoutReply{Here: true}, f); err != nil {
				t.Fatal(err)
			}
			var reply clusterpb.HandoutReply
			got, err := ReceivePacket(client, &reply)
			if err != nil || got == nil || !reply.GetHere() {
				t.Fatalf("%v, %v, %v", got, &reply, err)
			}
			defer got.Close()
			if flags, err := unix.FcntlInt(got.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("children would inherit it: %v, %v", flags, err)
			}
			a, _ := f.Stat()
			if b, err := got.Stat(); err != nil || !os.SameFile(a, b) {
				t.Errorf("another file, %v", err)
			}
			server.Close()
			if _, err := ReceivePacket(client, &reply); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// What is no message is refused, and no descriptor of it stays open.
func TestBadPackets(t *testing.T) {
	server, client := pairOf(t, filepath.Join(t.TempDir(), "socket"))
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	for name, packet := range map[string]struct {
		data   []byte
		rights []byte
		want   error
	}{
		"no proto":        {[]byte{0xff, 0xff, 0xff}, nil, nil},
		"too long":        {make([]byte, maxPacket+1), unix.UnixRights(fd), syscall.EMSGSIZE},
		"two descriptors": {[]byte{0x18, 1}, unix.UnixRights(fd, fd), syscall.EMSGSIZE},
		"many":            {[]byte{0x18, 1}, unix.UnixRights(fd, fd, fd, fd, fd, fd, fd, fd), syscall.EMSGSIZE},
	} {
		before := descriptorsOpen(t)
		if _, _, err := server.WriteMsgUnix(packet.data, packet.rights, nil); err != nil {
			t.Fatal(err)
		}
		f, err := ReceivePacket(client, &clusterpb.HandoutReply{})
		if f != nil || err == nil || packet.want != nil && !errors.Is(err, packet.want) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		if after := descriptorsOpen(t); after != before {
			t.Errorf("%s: %d descriptors were open, now %d", name, before, after)
		}
	}
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A socket that nobody listens at is replaced; one that somebody does is not, nor is what is no socket reached.
func TestSocketsOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	if _, err := DialHandouts(path); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("nothing there: %v", err)
	}
	l, err := ListenHandouts(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenHandouts(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second one: %v", err)
	}
	l.Close()
	if _, err := DialHandouts(path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the left over socket: %v", err)
	}
	again, err := ListenHandouts(path)
	if err != nil {
		t.Fatalf("the left over socket is in the way: %v", err)
	}
	again.Close()
	if _, err := ListenHandouts(filepath.Join(path, "x")); err == nil {
		t.Error("listens below a file")
	}
}
