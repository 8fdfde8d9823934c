package master_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/ufs"
	"goosefs/ufs/ufstest"
)

// told is a log that can be read while it is written.
type told struct {
	mu struct {
		sync.Mutex
		text bytes.Buffer
	}
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.text.Write(p)
}

func (l *told) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.mu.text.String(), text)
}

// What an under file system will not have removed stays, and is told; the others go, and it goes when it can.
func TestExpireAgainstASickSource(t *testing.T) {
	t.Parallel()
	src, log := faulty(), &told{}
	put(t, src, "d/bad", "x")
	put(t, src, "d/good", "x")
	m := alone(t, func(o *master.Options) {
		o.TTLEvery, o.Log = 20*time.Millisecond, slog.New(slog.NewTextHandler(log, nil))
	}, map[string]ufs.UFS{"mem://a": src})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{}))
	wantNames(t, f, "/a/d", false, "bad", "good")
	src.SetPlan(ufstest.Fault{Op: "remove", Name: "d/bad", Err: syscall.EACCES})
	must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{TTL: new(time.Millisecond), Action: new(client.TTLDelete)}))
	gone := func(p string) bool {
		_, err := f.Stat(ctx, p, client.StatOptions{})
		return errors.Is(err, fs.ErrNotExist)
	}
	eventually(t, "the other goes", func() bool { return gone("/a/d/good") })
	eventually(t, "it is told", func() bool {
		return log.has("files whose time is over are still there") && log.has("permission denied")
	})
	if gone("/a/d/bad") || !has(t, src, "d/bad") || has(t, src, "d/good") {
		t.Error("what could not be removed is gone, or what could is there")
	}
	src.SetPlan()
	eventually(t, "it goes", func() bool { return gone("/a/d/bad") })
	if has(t, src, "d/bad") || !has(t, src, "d") {
		t.Error("the file is there, or its folder is not")
	}
}
