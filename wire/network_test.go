package wire

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestHosts(t *testing.T) {
	hosts, err := ParseHosts(" master-0=127.0.0.2, w=::1 ,,")
	if err != nil || !maps.Equal(hosts, map[string]string{"master-0": "127.0.0.2", "w": "::1"}) {
		t.Fatalf("%v, %v", hosts, err)
	}
	if got := FormatHosts(hosts); got != "master-0=127.0.0.2,w=::1" {
		t.Errorf("written as %q", got)
	}
	for _, bad := range []string{"master-0", "=1.2.3.4", "a=b", "a=1.2.3"} {
		if _, err := ParseHosts(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	n := TCP{Hosts: hosts}
	for addr, want := range map[string]string{
		"master-0:9200": "127.0.0.2:9200", "w:1": "[::1]:1", "other:1": "other:1", "no port": "no port",
	} {
		if got := n.Resolve(addr); got != want {
			t.Errorf("%s is at %s, want %s", addr, got, want)
		}
	}
}

// Over sockets the table leads to the listener.
func TestTCP(t *testing.T) {
	n := TCP{Hosts: map[string]string{"here": "127.0.0.1"}, Timeout: time.Second}
	l, err := n.Listen("here:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c, err := n.Dial(t.Context(), "here:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := n.Listen("here:" + port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
}

// pair is a connection from host a to host b of m, both ends.
func pair(t *testing.T, m *Memory, a, b string) (near, far net.Conn) {
	t.Helper()
	l, err := m.Host(b).Listen("0.0.0.0:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	near, err = m.Host(a).Dial(t.Context(), b+":1")
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestMemoryCutAndHeal(t *testing.T) {
	m := NewMemory()
	near, far := pair(t, m, "a", "b")
	if near.LocalAddr().String() != "a" || near.RemoteAddr().String() != "b:1" || far.RemoteAddr().String() != "a" {
		t.Errorf("a connection from %v to %v", near.LocalAddr(), near.RemoteAddr())
	}
	go near.Write([]byte("hello"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	m.Cut("b", "a")
	if _, err := far.Read(got); err == nil {
		t.Error("the connection outlives the link")
	}
	if _, err := near.Write(got); err == nil {
		t.Error("the connection outlives the link")
	}
	if _, err := m.Host("a").Dial(t.Context(), "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("over a cut link: %v", err)
	}
	l, err := m.Host("c").Listen("c:1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go l.Accept()
	if c, err := m.Host("a").Dial(t.Context(), "c:1"); err != nil {
		t.Errorf("another link: %v", err)
	} else {
		c.Close()
	}
	m.Heal("a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Host("a").Dial(ctx, "b:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody accepts: %v", err)
	}
}

// A silent link loses nothing and tells nobody; what was sent comes when it speaks again.
func TestMemorySilence(t *testing.T) {
	m := NewMemory()
	near, far := pair(t, m, "a", "b")
	m.Silence("a", "b")
	wrote := make(chan error, 1)
	go func() {
		_, err := near.Write([]byte("late"))
		wrote <- err
	}()
	go far.Write([]byte("back"))
	got := make([]byte, 4)
	if _, err := io.ReadFull(near, got); err != nil || string(got) != "back" {
		t.Fatalf("the other way: %q, %v", got, err)
	}
	select {
	case err := <-wrote:
		t.Fatalf("written over a silent link: %v", err)
	default:
	}
	m.Heal("a", "b")
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "late" {
		t.Fatalf("after it healed: %q, %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	m.Silence("a", "b")
	go func() {
		_, err := near.Write([]byte("never"))
		wrote <- err
	}()
	near.Close()
	if err := <-wrote; err == nil {
		t.Error("written over a closed connection")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.Host("a").Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call over a silent link: %v", err)
	}
}

func TestMemoryAddresses(t *testing.T) {
	m := NewMemory()
	l, err := m.Host("a").Listen(":1")
	if err != nil || l.Addr().String() != "a:1" || l.Addr().Network() != "memory" {
		t.Fatalf("listens at %v, %v", l.Addr(), err)
	}
	if _, err := m.Host("b").Listen("a:1"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	l.Close()
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := m.Host("b").Dial(t.Context(), "a:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	for _, bad := range []string{"no port", ""} {
		if _, err := m.Host("b").Dial(t.Context(), bad); err == nil {
			t.Errorf("dialled %q", bad)
		}
		if _, err := m.Host("b").Listen(bad); err == nil {
			t.Errorf("listens at %q", bad)
		}
	}
}
