package master

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
)

// outage is an error of a source that is out of reach.
func outage(url string) error {
	return &fs.PathError{Op: "stat", Path: url, Err: &ufs.Reason{Errno: syscall.ETIMEDOUT, Text: "no answer", Temporary: true}}
}

// closable is an under file system that counts how often it was closed.
type closable struct {
	ufs.UFS
	closed *atomic.Int32
}

func (c closable) Close() error {
	c.closed.Add(1)
	return nil
}

// sourcesOver are sources whose mounts' URIs name one of the given under file systems.
func sourcesOver(kinds map[string]ufs.UFS) *sources {
	return newSources(Options{
		UFSCalls: 2, UFSTimeout: 10 * time.Second,
		OpenUFS: func(uri string, _ map[string]string) (ufs.UFS, string, error) {
			u := kinds[uri]
			if u == nil {
				return nil, "", &fs.PathError{Op: "open", Path: uri, Err: syscall.ENOENT}
			}
			return u, "fake", nil
		},
	})
}

func statRoot(ctx context.Context, u ufs.UFS) error {
	_, err := u.Stat(ctx, "")
	return err
}

func mustSource(t *testing.T, s *sources, m metastore.Mount) *source {
	t.Helper()
	src, err := s.of(m)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// A source that keeps failing is left alone for a while, with an error that says so, is EIO and names its URL; then it
// is asked again. Another mount never notices.
func TestSickMountIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick := ufstest.Faulty(mem.New(), ufstest.Fault{Op: "stat", Err: outage("http://sick/")})
		s := sourcesOver(map[string]ufs.UFS{"http://sick/": sick, "http://well/": mem.New()})
		bad := mustSource(t, s, metastore.Mount{ID: 1, Path: "/sick", UFS: "http://sick/"})
		good := mustSource(t, s, metastore.Mount{ID: 2, Path: "/well", UFS: "http://well/"})
		for range tripAfter {
			err := bad.call(t.Context(), statRoot)
			if !errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "http://sick/") {
				t.Errorf("fails with %v", err)
			}
		}
		if err := bad.call(t.Context(), statRoot); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "left alone") {
			t.Errorf("then with %v", err)
		}
		if got := sick.Calls("stat"); got != tripAfter {
			t.Errorf("asked %d times", got)
		}
		if err := good.call(t.Context(), statRoot); err != nil {
			t.Errorf("the other mount: %v", err)
		}
		time.Sleep(tripFor)
		if err := bad.call(t.Context(), statRoot); strings.Contains(err.Error(), "left alone") {
			t.Errorf("not asked again: %v", err)
		}
		if err := bad.call(t.Context(), statRoot); !strings.Contains(err.Error(), "left alone") {
			t.Errorf("one more failure must do: %v", err)
		}
		time.Sleep(tripFor)
		sick.SetPlan()
		for range 2 {
			if err := bad.call(t.Context(), statRoot); err != nil {
				t.Errorf("it is well again: %v", err)
			}
		}
	})
}

// Answers, and callers who leave, are no failures of the source.
func TestAnswersDoNotTrip(t *testing.T) {
	s := sourcesOver(map[string]ufs.UFS{"u": mem.New()})
	src := mustSource(t, s, metastore.Mount{ID: 1, UFS: "u"})
	for range 2 * tripAfter {
		err := src.call(t.Context(), func(ctx context.Context, u ufs.UFS) error {
			_, err := u.Stat(ctx, "nothing")
			return err
		})
		if !errors.Is(err, syscall.ENOENT) {
			t.Fatalf("no answer: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 * tripAfter {
		src.call(ctx, func(ctx context.Context, u ufs.UFS) error {
			cancel()
			return outage("u")
		})
	}
	if err := src.call(t.Context(), statRoot); err != nil {
		t.Errorf("left alone: %v", err)
	}
}

// A slow source ends its own calls in time, and makes nobody wait who asks another.
func TestSlowMount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := ufstest.Slow(mem.New(), ufstest.Slowness{Latency: time.Hour})
		s := sourcesOver(map[string]ufs.UFS{"slow": slow, "fast": mem.New()})
		bad, good := mustSource(t, s, metastore.Mount{ID: 1, UFS: "slow"}), mustSource(t, s, metastore.Mount{ID: 2, UFS: "fast"})
		ended := make(chan error)
		for range 4 { // two are under way at once
			go func() { ended <- bad.call(t.Context(), statRoot) }()
		}
		synctest.Wait()
		begun := time.Now()
		if err := good.call(t.Context(), statRoot); err != nil || time.Since(begun) != 0 {
			t.Errorf("the fast one: %v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := bad.call(ctx, statRoot); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("a caller with less time: %v after %s", err, time.Since(begun))
		}
		for range 4 {
			if err := <-ended; !errors.Is(err, syscall.EIO) || time.Since(begun) > 11*time.Second {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
		}
	})
}

// An under file system is open as long as its mount is, and until its last call ends.
func TestSourcesOpenAndClose(t *testing.T) {
	var closed atomic.Int32
	s := sourcesOver(map[string]ufs.UFS{"a": closable{mem.New(), &closed}})
	mount := metastore.Mount{ID: 1, UFS: "a", Path: "/a"}
	src := mustSource(t, s, mount)
	if mustSource(t, s, mount) != src {
		t.Error("opened twice")
	}
	began, end, ended := make(chan bool), make(chan bool), make(chan error)
	go func() {
		ended <- src.call(t.Context(), func(context.Context, ufs.UFS) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	mount.Options = map[string]string{"goosefs.underfs.x": "y"}
	if mustSource(t, s, mount) == src {
		t.Error("other options, and the same source")
	}
	if got := closed.Load(); got != 0 {
		t.Error("closed under a call")
	}
	if err := src.call(t.Context(), statRoot); !errors.Is(err, syscall.EIO) {
		t.Errorf("a call of the old one: %v", err)
	}
	close(end)
	if err := <-ended; err != nil || closed.Load() != 1 {
		t.Errorf("the last call: %v, closed %d times", err, closed.Load())
	}
	s.forget(1)
	s.forget(1)
	mustSource(t, s, mount)
	s.close()
	if got := closed.Load(); got != 3 {
		t.Errorf("closed %d times, want 3", got)
	}

	if _, err := s.of(metastore.Mount{ID: 2, UFS: "nowhere"}); !errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOENT) {
		t.Errorf("one that cannot be opened: %v", err)
	}
	if got := s.kindOf(metastore.Mount{ID: 2, UFS: "nowhere"}); got != "unknown" {
		t.Errorf("its kind is %s", got)
	}
	if got := s.kindOf(mount); got != "fake" {
		t.Errorf("kind %s", got)
	}
}

func TestSourceOptions(t *testing.T) {
	s := newSources(Options{UFSOptions: map[string]string{"a": "all", "b": "all"}})
	got := s.with(map[string]string{"b": "mount"})
	if len(got) != 2 || got["a"] != "all" || got["b"] != "mount" || s.options["b"] != "all" {
		t.Errorf("options %v", got)
	}
	if got := newSources(Options{}).with(nil); got == nil || len(got) != 0 {
		t.Errorf("options %v", got)
	}
}
