package master_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/master"
)

// copyFolder makes the folders of master to those that master from has; both are stopped.
func (q *quorum) copyFolder(from, to int) {
	q.t.Helper()
	must(q.t, os.CopyFS(q.folder(to), os.DirFS(q.folder(from))))
}

// Folders of a master among others do not move: at another address they are refused. A single master's may.
func TestFolderAtAnotherAddress(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	q.elect(f, 0)
	q.stop(2)
	q.copyFolder(2, 3)
	q.start(2, nil, 0, 1, 2)
	q.refused(3, nil, syscall.EINVAL, "it belongs to the member at q2:9202, and this one is at q3:9202: it is a copy, or this master has moved", 0, 1, 2, 3)
	q.awaitVoters(f, 0, 1, 2)
	q.awaitHealth(f)

	q.start(8, nil, 8)
	must(t, q.client(8).Mkdir(t.Context(), "/mine", client.MkdirOptions{CacheOnly: true}))
	q.stop(8)
	q.copyFolder(8, 9)
	q.start(9, nil, 9)
	f = q.client(9)
	stat(t, f, "/mine")
	q.awaitVoters(f, 9)
}

// Two processes run with one member's folder, on two hosts that both say they are at its address. Neither is believed,
// and the leader names them. When the copy is stopped, the other is one of them again, as it is.
func TestClonedFolder(t *testing.T) {
	t.Parallel()
	const twins = "Two processes say that they are master q2:9202: its folder was copied. Stop the one that does not belong."
	for name, leader := range map[string]int{"of a follower": 0, "of the leader": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			soon := func(o *master.Options) { o.Election = 300 * time.Millisecond } // and it is found out soon
			q := newQuorum(t)
			for i := range 3 {
				q.start(i, soon, 0, 1, 2)
			}
			f := q.client(0, 1, 2)
			q.awaitVoters(f, 0, 1, 2)
			q.elect(f, 0)
			q.stop(2)
			must(t, os.CopyFS(q.folder(7), os.DirFS(q.folder(2))))
			q.start(2, soon, 0, 1, 2)
			eventually(t, "the leader is elected", func() bool {
				leads, err := f.Elect(t.Context(), journal(leader))
				return err == nil && leads == journal(leader)
			})
			b := build(t, f, "d")
			progress(t, f, 5)
			q.start(7, func(o *master.Options) { soon(o); o.Name, o.Bind = host(2), host(7) }, 0, 1, 2)
			q.awaitProblem(f, twins)
			progress(t, f, 5)
			q.stop(7)
			q.awaitHealth(f)
			q.awaitVoters(f, 0, 1, 2)
			eventually(t, "it leads", func() bool {
				leads, err := f.Elect(t.Context(), journal(2))
				return err == nil && leads == journal(2)
			})
			q.finish(b, f)
		})
	}
}

// Most masters were emptied and founded another cluster. The forgotten one takes no part in it, is named, and is let in
// when it is emptied too. The same goes for a member of another cluster at a member's address.
func TestForeignMember(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	must(t, f.Mkdir(t.Context(), "/old", client.MkdirOptions{CacheOnly: true}))
	old := leading(t, f).ID
	for i := range 3 {
		q.stop(i)
	}
	q.wipe(0)
	q.wipe(1)
	q.start(0, nil, 0, 1, 2)
	q.start(1, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1)
	if id := leading(t, f).ID; id == old || id == "" {
		t.Errorf("the new cluster is %q, the old one was %q", id, old)
	}
	q.start(2, nil, 0, 1, 2) // the forgotten one
	foreign := "Master q2:9202 belongs to another cluster (" + old + "). If it is to be one of this cluster, stop it, run goosefs fsadmin journal rejoin there, and start it again."
	q.awaitProblem(f, foreign)
	must(t, f.Mkdir(t.Context(), "/new", client.MkdirOptions{CacheOnly: true}))
	_, err := f.Stat(t.Context(), "/old", client.StatOptions{})
	want(t, err, syscall.ENOENT, "")
	q.awaitVoters(f, 0, 1)
	relic := filepath.Join(q.dir, "relic")
	q.stop(2)
	must(t, os.CopyFS(relic, os.DirFS(q.folder(2))))
	q.wipe(2)
	q.start(2, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	q.awaitHealth(f)

	q.elect(f, 0)
	q.stop(2)
	must(t, os.RemoveAll(q.folder(2)))
	must(t, os.Rename(relic, q.folder(2)))
	q.start(2, nil, 0, 1, 2)
	q.awaitProblem(f, foreign)
	must(t, f.Mkdir(t.Context(), "/on", client.MkdirOptions{CacheOnly: true}))
}

// A master whose state becomes another one leaves service, stays out, and says what to do. The others go on, and name
// it. Emptied, it is one of them again.
func TestDivergedState(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	var wrong atomic.Bool
	distort := func(o *master.Options) {
		o.Distort = func(c []byte) []byte {
			if i := strings.Index(string(c), "/odd"); i >= 0 && wrong.Load() {
				c = slices.Clone(c)
				c[i+1] = 'O'
			}
			return c
		}
	}
	q.start(0, nil, 0, 1, 2)
	q.start(1, nil, 0, 1, 2)
	q.start(2, distort, 0, 1, 2)
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	q.elect(f, 0)
	old := q.memberID(f, 2)
	wrong.Store(true)
	must(t, f.Mkdir(t.Context(), "/odd", client.MkdirOptions{CacheOnly: true}))
	for i := range 40 {
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/d%d", i), client.MkdirOptions{CacheOnly: true}))
	}
	select {
	case <-q.running[2].Failed():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := q.running[2].Err(); !errors.Is(err, syscall.EBADMSG) || !strings.Contains(err.Error(), "rejoin") {
		t.Errorf("it says: %v", err)
	}
	q.stop(2)
	q.refused(2, nil, syscall.EBADMSG, "this master is out of service: after ", 0, 1, 2)
	eventually(t, "the leader names it", func() bool {
		return slices.ContainsFunc(leading(t, f).Problems, func(line string) bool {
			return strings.HasPrefix(line, "Master q2:9202 is out of service: after ") &&
				strings.HasSuffix(line, "Stop it, run goosefs fsadmin journal rejoin there, and start it again.")
		})
	})
	must(t, f.Mkdir(t.Context(), "/on", client.MkdirOptions{CacheOnly: true}))
	q.wipe(2)
	q.start(2, nil, 0, 1, 2)
	q.awaitAnother(f, 2, old)
	q.awaitVoters(f, 0, 1, 2)
	q.awaitHealth(f)
	q.elect(f, 2)
	stat(t, f, "/odd")
}
