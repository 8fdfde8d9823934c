package master

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
)

// tells has a worker report all that it holds, and say that this is all.
func (c *crew) tells(id int64, blocks ...int64) {
	c.says(id, true, blocks...)
	c.report(c.sessions[id], &clusterpb.WorkerReport{WorkerId: id, Host: fmt.Sprintf("w%d", id), RpcPort: 9203, Ticket: 1}, c.now)
}

// passes lets time go by in which workers that have a stream report.
func (c *crew) passes(d time.Duration) {
	c.now = c.now.Add(d)
	for id := range c.sessions {
		c.says(id, false)
	}
	c.expire(c.now)
}

// fates are those of the three blocks of a file, and of the file.
func (c *crew) fates() string {
	var all []string
	c.mu.Lock()
	for i := range int64(3) {
		all = append(all, map[blockFate]string{held: "held", away: "away", lost: "lost"}[c.fateLocked(block(i), c.now)])
	}
	c.mu.Unlock()
	n := metastore.Inode{ID: testFile, Completed: true, Length: 25, BlockSize: 10}
	index, found := c.lostBlock(&n, c.now)
	if !found {
		return strings.Join(all, " ")
	}
	return fmt.Sprintf("%s: block %d", strings.Join(all, " "), index)
}

func (c *crew) wantFates(when, want string) {
	c.t.Helper()
	if got := c.fates(); got != want {
		c.t.Errorf("%s: %s, want %s", when, got, want)
	}
}

// A block that is only cached is lost when nobody has it and whoever had it has been silent for so long that he is not merely
// being started again. It is not when this master, or a worker, may not have heard of it yet; and if somebody comes back with
// it, it is there again.
func TestFates(t *testing.T) {
	c := newCrew(t)
	c.wantFates("a master that just started", "away away away")
	c.tells(1, block(0), 10, block(1), 10)
	c.tells(2, block(1), 10)
	c.wantFates("not all have told what they hold", "held held away")
	c.tells(2, block(1), 10, block(2), 5)
	c.wantFates("all is there", "held held held")

	c.leaves(1)
	c.wantFates("one is being started again", "away held held")
	c.passes(50 * time.Second)
	c.wantFates("it takes long", "away held held")
	c.passes(20 * time.Second)
	c.wantFates("it takes too long", "lost held held: block 0")
	c.passes(200 * time.Minute)
	c.wantFates("it is forgotten", "lost held held: block 0")
	c.tells(1, block(0), 10, block(1), 10)
	c.wantFates("it is back", "held held held")

	c.tells(2, block(1), 10)
	c.wantFates("one found its bytes damaged", "held held lost: block 2")
	c.says(3, true)
	c.wantFates("one has not told yet what it holds", "held held away")
	c.tells(3)
	c.wantFates("it holds nothing", "held held lost: block 2")
	c.leaves(3)
	c.wantFates("it is being started again", "held held away")
	c.passes(2 * time.Minute)
	c.wantFates("it is lost, too", "held held lost: block 2")

	for what, n := range map[string]metastore.Inode{
		"persisted":          {Completed: true, Length: 25, BlockSize: 10, Persistence: metastore.Persisted},
		"not complete":       {Length: 25, BlockSize: 10},
		"empty":              {Completed: true, BlockSize: 10},
		"of two blocks":      {Completed: true, Length: 20, BlockSize: 10},
		"a directory":        {Dir: true, Completed: true},
		"without block size": {Completed: true, Length: 25},
	} {
		n.ID = testFile
		if index, found := c.lostBlock(&n, c.now); found {
			t.Errorf("block %d of a file that is %s is lost", index, what)
		}
	}
	absurd := metastore.Inode{ID: testFile, Completed: true, Length: 1<<63 - 1, BlockSize: 1}
	began := time.Now()
	if index, found := c.lostBlock(&absurd, c.now); !found || index != 2 || time.Since(began) > time.Second {
		t.Errorf("of an absurd length: block %d, %v, after %s", index, found, time.Since(began))
	}
}

// Whoever has a block is told in the order in which to ask, and who had it, too.
func TestWhereabouts(t *testing.T) {
	c := newCrew(t)
	c.tells(1, block(0), 10)
	c.tells(2, block(0), 4)
	c.tells(3, block(0), 7)
	c.leaves(1)
	c.passes(5 * time.Second)
	tell := func() string {
		at := c.whereabouts(block(0), c.now)
		var lines []string
		for _, h := range at.GetHolders() {
			lines = append(lines, fmt.Sprintf("%s:%d %d bytes live=%v %d ms ago", h.GetHost(), h.GetRpcPort(), h.GetBytes(), h.GetLive(), h.GetLastContactMs()))
		}
		return fmt.Sprintf("%s; lost=%v", strings.Join(lines, ", "), at.GetLost())
	}
	want := "w3:9203 7 bytes live=true 0 ms ago, w2:9203 4 bytes live=true 0 ms ago, w1:9203 10 bytes live=false 5000 ms ago; lost=false"
	if got := tell(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.leaves(2)
	c.leaves(3)
	c.passes(2 * time.Minute)
	if got := tell(); !strings.HasSuffix(got, "lost=true") || strings.Contains(got, "live=true") {
		t.Error(got)
	}
}

// A link has no bytes that anybody could lose.
func TestLinksAreNotLost(t *testing.T) {
	c := newCrew(t)
	c.passes(2 * c.timeout)
	link := metastore.Inode{ID: testFile, Symlink: "file", Completed: true, Length: 4, BlockSize: 10}
	if index, found := c.lostBlock(&link, c.now); found {
		t.Errorf("block %d of a link is lost", index)
	}
	file := link
	file.Symlink = ""
	if _, found := c.lostBlock(&file, c.now); !found {
		t.Error("a file that no worker ever told of is not lost")
	}
}
