package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// The leader is looked for in the order of the configuration, found by a hint, and asked first from then on.
func TestLeaderDiscovery(t *testing.T) {
	p := newPlay(t, 3, 0)
	p.lead(2)
	f := p.client()
	for range 2 {
		if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(p.masters[0].did(), p.masters[1].did(), p.masters[2].did()); got != "[stat] [] [stat stat]" {
		t.Errorf("asked %s", got)
	}

	// Another leads now. The old one says so.
	p.lead(1)
	if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
		t.Fatal(err)
	}
	// A hint may lead to one that is dead: the others are asked anyway.
	p.masters[1].stop()
	p.masters[0].set(func(m *actor) { m.mu.leading, m.mu.answer = true, nil })
	if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
		t.Fatal(err)
	}
	if leader := f.masters.leader(); leader != "m0:9200" {
		t.Errorf("it takes %s for the leader", leader)
	}
	// Without hints too.
	p.masters[0].set(func(m *actor) { m.mu.leading, m.mu.hint = false, "" })
	p.masters[2].set(func(m *actor) { m.mu.leading = true })
	if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
		t.Fatal(err)
	}
}

// A change that is tried again keeps its operation id; another change has another.
func TestOneOperation(t *testing.T) {
	p := newPlay(t, 2, 0)
	p.lead(0)
	f := p.client()
	p.masters[0].set(func(m *actor) {
		m.mu.answer = func(string, any) error {
			p.lead(1)
			p.net.Cut("client", "m0") // the answer is lost
			return nil
		}
	})
	if err := f.Mkdir(t.Context(), "/d", MkdirOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir(t.Context(), "/e", MkdirOptions{}); err != nil {
		t.Fatal(err)
	}
	ops := append(p.masters[0].mu.ops, p.masters[1].mu.ops...)
	if len(ops) != 3 || ops[0] != ops[1] || ops[1] == ops[2] {
		t.Errorf("operations %v", ops)
	}
}

// What a leader answers is final, whatever it is.
func TestAnswerIsFinal(t *testing.T) {
	p := newPlay(t, 2, 0)
	p.lead(0)
	f := p.client()
	for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.EIO, syscall.EAGAIN, syscall.ETIMEDOUT, syscall.EACCES} {
		p.masters[0].set(func(m *actor) {
			m.mu.answer = func(string, any) error { return &fs.PathError{Op: "stat", Path: "/f", Err: errno} }
		})
		_, err := f.Stat(t.Context(), "/f", StatOptions{})
		if errnoOf(err) != errno {
			t.Errorf("%v became %v", errno, err)
		}
	}
	if n := len(p.masters[1].did()); n > 0 {
		t.Errorf("the other was asked %d times", n)
	}
}

// Nobody listens anywhere: that is said soon. Somebody listens but nobody leads: an election is waited for.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		name     string
		standing int // masters that listen; none leads
		took     time.Duration
		text     string
	}{
		{"nobody is there", 0, 3 * time.Second, "cannot reach a leading master at m0:9200, m1:9200, m2:9200: connection refused"},
		{"nobody leads", 2, 10 * time.Second, "cannot reach a leading master at m0:9200, m1:9200, m2:9200: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t, c.standing, 0)
				f := p.client(func(c *Config) {
					c.Masters = []string{"m0:9200", "m1:9200", "m2:9200"}
					c.RetryFor, c.RefusedFor = 10*time.Second, 3*time.Second
					c.RetryPause, c.RetryPauseMax = 0, 0
				})
				for name, call := range map[string]func() error{
					"stat":   func() error { _, err := f.Stat(t.Context(), "/f", StatOptions{}); return err },
					"leader": func() error { _, err := f.Leader(t.Context()); return err },
				} {
					began := time.Now()
					err := call()
					if err == nil || !strings.HasPrefix(err.Error(), c.text) && name == "stat" || errnoOf(err) != syscall.ETIMEDOUT {
						t.Errorf("%s: %v (%v)", name, err, errnoOf(err))
					}
					if took := time.Since(began); took > c.took || took < c.took-2*time.Second {
						t.Errorf("%s: it took %v", name, took)
					}
				}
			})
		})
	}
}

// A leader that is elected while a call waits serves it.
func TestElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 3, 0)
		f := p.client(func(c *Config) { c.RetryFor = 10 * time.Second })
		time.AfterFunc(2*time.Second, func() { p.lead(1) })
		if leader, err := f.Leader(t.Context()); err != nil || leader != "m1:9200" {
			t.Errorf("%s, %v", leader, err)
		}
		p.masters[1].set(func(m *actor) { m.mu.leading = false })
		time.AfterFunc(2*time.Second, func() { p.lead(2) })
		if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// A leader that falls silent is given up when another leads, and only then: it may just have much to do.
func TestSilentMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 3, 0)
		p.lead(0)
		f := p.client(func(c *Config) { c.RetryFor, c.SuspectAfter = 30*time.Second, 0 })
		if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil {
			t.Fatal(err)
		}
		p.masters[0].set(func(m *actor) {
			m.mu.answer = func(string, any) error {
				time.Sleep(8 * time.Second) // its under file system is slow
				return nil
			}
		})
		began := time.Now()
		if _, err := f.Stat(t.Context(), "/f", StatOptions{}); err != nil || time.Since(began) != 8*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		p.masters[0].set(func(m *actor) { m.mu.silent = true })
		time.AfterFunc(3*time.Second, func() { p.lead(2) })
		began = time.Now()
		if err := f.Mkdir(t.Context(), "/d", MkdirOptions{}); err != nil || time.Since(began) > 5*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		if leader := f.masters.leader(); leader != "m2:9200" {
			t.Errorf("it takes %s for the leader", leader)
		}
	})
}

// Any master will do to tell about the cluster; a silent one costs a moment.
func TestAnyMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 3, 0)
		p.lead(2)
		p.masters[0].set(func(m *actor) { m.mu.silent = true })
		p.masters[1].stop()
		f := p.client()
		began := time.Now()
		c, err := f.Cluster(t.Context())
		if err != nil || c.AnsweredBy != "m2:9200" || time.Since(began) > time.Second {
			t.Fatalf("%s after %v, %v", c.AnsweredBy, time.Since(began), err)
		}
		for _, m := range p.masters {
			m.set(func(m *actor) { m.mu.silent = true })
		}
		began = time.Now()
		if _, err := f.Cluster(t.Context()); errnoOf(err) != syscall.ETIMEDOUT || time.Since(began) != anyPatience {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		if _, err := f.ClusterOf(t.Context(), "m1:9200"); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
	})
}

// A master that knows no leader is not the last word: it may be cut off.
func TestLeaderlessMasterIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 3, 0)
		f := p.client()
		if c, err := f.Cluster(t.Context()); err != nil || c.Leader != "" || c.AnsweredBy == "" {
			t.Fatalf("nobody leads: %+v, %v", c, err)
		}
		p.masters[2].set(func(m *actor) { m.mu.hint = "m1:9200" })
		if c, err := f.Cluster(t.Context()); err != nil || c.Leader != "m1:9200" || c.AnsweredBy != "m2:9200" {
			t.Fatalf("one knows the leader: %+v, %v", c, err)
		}
		if leader, err := f.Leader(t.Context()); err != nil || leader != "m1:9200" {
			t.Fatalf("%s, %v", leader, err)
		}
	})
}

// A call ends with its context, and with the client.
func TestCallEnds(t *testing.T) {
	p := newPlay(t, 2, 0) // none leads
	f := p.client(func(c *Config) { c.RetryFor = time.Hour })
	for name, call := range map[string]func(context.Context) error{
		"stat":   func(ctx context.Context) error { _, err := f.Stat(ctx, "/f", StatOptions{}); return err },
		"leader": func(ctx context.Context) error { _, err := f.Leader(ctx); return err },
		"list": func(ctx context.Context) (last error) {
			for _, err := range f.List(ctx, "/", StatOptions{}) {
				last = err
			}
			return last
		},
		"watch": func(ctx context.Context) error { return f.Watch(ctx, func([]string, bool) {}) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.Stat(ctx, "/f", StatOptions{}); errnoOf(err) != syscall.ETIMEDOUT {
		t.Errorf("late: %v", err)
	}
	p.masters[0].set(func(m *actor) { m.mu.silent = true })
	ended := make(chan error, 1)
	go func() {
		_, err := f.Stat(context.Background(), "/f", StatOptions{})
		ended <- err
	}()
	eventually(t, "the call is there", func() bool { return len(p.masters[0].did()) > 0 })
	f.Close()
	if err := <-ended; errnoOf(err) != syscall.EBADF {
		t.Errorf("closed: %v", err)
	}
	if _, err := f.Stat(t.Context(), "/f", StatOptions{}); errnoOf(err) != syscall.EBADF {
		t.Errorf("after: %v", err)
	}
	if _, err := f.Leader(t.Context()); errnoOf(err) != syscall.EBADF {
		t.Errorf("after: %v", err)
	}
}

// A listing whose master dies in the middle goes on at the next, each name once.
func TestListGoesOn(t *testing.T) {
	p := newPlay(t, 2, 0)
	p.lead(0)
	f := p.client()
	p.masters[0].set(func(m *actor) {
		m.mu.answer = func(op string, _ any) error {
			if op == "list 5" {
				p.lead(1)
				return wire.NotLeader("")
			}
			return nil
		}
	})
	var names []string
	for i, err := range f.List(t.Context(), "/", StatOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, i.Name)
	}
	if len(names) != 100 || !slices.IsSorted(names) || len(slices.Compact(names)) != 100 {
		t.Errorf("%d names: %v", len(names), names)
	}
	// Who stops listening stops the stream.
	n := 0
	for range f.List(t.Context(), "/", StatOptions{}) {
		if n++; n == 15 {
			break
		}
	}
	if n != 15 {
		t.Error(n)
	}
}

// What was listed before a master died, and has changed since, makes no listing with what comes then.
func TestListDoesNotMix(t *testing.T) {
	for what, story := range map[string]struct {
		before, after []*pb.FileInfo // in place of the first entry
		fails         bool
	}{
		"nothing changes":    {},
		"blocks move":        {after: []*pb.FileInfo{{Name: proto.String("f000"), InGooseFSPercentage: proto.Int32(7)}}},
		"one changes":        {after: []*pb.FileInfo{{Name: proto.String("f000"), Length: proto.Int64(7)}}, fails: true},
		"an attribute comes": {after: []*pb.FileInfo{{Name: proto.String("f000"), Xattr: map[string][]byte{"a": nil}}}, fails: true},
		"a list comes":       {after: []*pb.FileInfo{{Name: proto.String("f000"), Acl: &pb.PAcl{Entries: []*pb.PAclEntry{{}}}}}, fails: true},
		"a link comes":       {after: []*pb.FileInfo{{Name: proto.String("f000"), Symlink: proto.String("to")}}, fails: true},
		"one comes":          {after: []*pb.FileInfo{{Name: proto.String("a")}, {Name: proto.String("f000")}}, fails: true},
		"one goes":           {before: []*pb.FileInfo{{Name: proto.String("a")}, {Name: proto.String("f000")}}, fails: true},
	} {
		p := newPlay(t, 2, 0)
		p.lead(0)
		p.masters[0].set(func(m *actor) {
			m.mu.first = story.before
			m.mu.answer = func(op string, _ any) error {
				if op == "list 5" {
					p.lead(1)
					return wire.NotLeader("")
				}
				return nil
			}
		})
		p.masters[1].set(func(m *actor) { m.mu.first = story.after })
		n, last := 0, error(nil)
		for _, err := range p.client().List(t.Context(), "/", StatOptions{}) {
			if last = err; err == nil {
				n++
			}
		}
		if fails := errnoOf(last) == syscall.EAGAIN; fails != story.fails || !fails && (last != nil || n != 100) {
			t.Errorf("%s: %d entries, %v", what, n, last)
		}
	}
}

func TestNoMasters(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "goosefs.master.rpc.addresses") {
		t.Error(err)
	}
}
