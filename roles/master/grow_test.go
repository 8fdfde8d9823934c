package master_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
)

// add takes a master into the quorum that was started a moment ago.
func (q *quorum) add(f *client.FS, i int) {
	q.t.Helper()
	eventually(q.t, host(i)+" is taken in", func() bool {
		err := f.AddMaster(q.t.Context(), journal(i))
		return err == nil || errors.Is(err, syscall.EEXIST)
	})
}

// A single master grows to three while it works; then the first may go. Clients find those that came later.
func TestGrow(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	q.start(0, nil, 0)
	f := q.client(0)
	b := build(t, f, "d")
	q.awaitVoters(f, 0)
	first := leading(t, f).ID
	for i := 1; i <= 2; i++ {
		progress(t, f, 5)
		q.start(i, nil, 0, i)
		q.add(f, i)
		q.awaitVoters(f, []int{0, 1, 2}[:i+1]...)
	}
	must(t, f.LearnMasters(t.Context()))
	if got := f.Masters(); len(got) != 3 {
		t.Errorf("the client knows %v", got)
	}
	q.awaitHealth(f)
	q.stop(0)
	progress(t, f, 5)
	if id := leading(t, f).ID; first == "" || id != first {
		t.Errorf("the cluster was %s and is %s", first, id)
	}
	q.start(0, nil, 0) // its configuration is of the time when it was alone
	q.finish(b, f)
	q.elect(f, 0)
}

// A master that does not answer within an election timeout gets another chance to lead.
func TestElectInsists(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	q.elect(f, 0)
	for _, other := range []int{0, 2} {
		q.net.Silence(host(1), host(other))
		q.net.Silence(host(other), host(1))
	}
	time.AfterFunc(1100*time.Millisecond, func() {
		q.net.Heal(host(0), host(1))
		q.net.Heal(host(2), host(1))
	})
	q.elect(f, 1) // the first hand-over was lost
}

// A dead master comes back with an empty disk, whoever it was, and gets its vote by itself.
func TestEmptyDisk(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	b := build(t, f, "d")
	for i := range 2 { // the leader, a follower
		q.elect(f, 0)
		old := q.memberID(f, i)
		progress(t, f, 5)
		q.stop(i)
		q.wipe(i)
		q.start(i, nil, 0, 1, 2)
		q.awaitAnother(f, i, old)
		q.awaitVoters(f, 0, 1, 2)
	}
	q.awaitHealth(f)
	q.finish(b, f)
}

// A master moves to another host: the old one is removed, the new one added.
func TestMoveMaster(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	b := build(t, f, "d")
	q.elect(f, 0)
	q.stop(2)
	q.awaitGone(f, 2)
	must(t, f.RemoveMaster(t.Context(), journal(2)))
	q.start(3, nil, 0, 1, 3)
	q.add(f, 3)
	q.awaitVoters(f, 0, 1, 3)
	q.elect(f, 3)
	must(t, f.LearnMasters(t.Context()))
	q.stop(0) // 1 and 3 are a majority
	progress(t, f, 5)
	q.finish(b, f)
}

// Masters come and go all the time, and clients notice nothing.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	cycles := 20
	if testing.Short() {
		cycles = 3
	}
	q := newQuorum(t)
	q.start(0, nil, 0)
	f := q.client(0, 1, 2)
	q.start(1, nil, 0, 1)
	q.add(f, 1)
	q.awaitVoters(f, 0, 1)
	b := build(t, f, "d")
	for i := range cycles {
		q.start(2, nil, 0, 1, 2)
		q.add(f, 2)
		q.awaitVoters(f, 0, 1, 2)
		if i%5 == 4 { // it leads before it goes
			q.elect(f, 2)
			_, err := f.Elect(t.Context(), "")
			must(t, err)
		}
		if err := f.RemoveMaster(t.Context(), journal(2)); err != nil {
			t.Fatalf("cycle %d: %v", i, err)
		}
		q.awaitVoters(f, 0, 1)
		q.stop(2)
		q.wipe(2)
	}
	q.awaitHealth(f)
	q.finish(b, f)
}
