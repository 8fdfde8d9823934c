package master

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"goosefs/wire/clusterpb"
)

// crew is a registry and workers that a story moves about.
type crew struct {
	*registry
	t        *testing.T
	now      time.Time
	sessions map[int64]*session
}

func newCrew(t *testing.T) *crew {
	return &crew{newRegistry(time.Minute, 100, time.Now()), t, time.Now(), make(map[int64]*session)}
}

const testFile = 7<<24 | blockMask

func block(index int64) int64 { return testFile&^blockMask | index }

// says has worker id report blocks (block, bytes, block, bytes …), on a stream of its own from its first report on.
func (c *crew) says(id int64, reset bool, blocks ...int64) []int64 {
	return c.tell(id, reset, 0, blocks...)
}

// obeys has worker id report, after it has carried out that order.
func (c *crew) obeys(id int64, order uint64, blocks ...int64) { c.tell(id, false, order, blocks...) }

func (c *crew) tell(id int64, reset bool, obeyed uint64, blocks ...int64) []int64 {
	if c.sessions[id] == nil {
		c.sessions[id] = newSession()
	}
	in := &clusterpb.WorkerReport{
		WorkerId: id, Host: fmt.Sprintf("w%d", id), RpcPort: 9203, Reset_: reset, Obeyed: obeyed,
		Tiers: []*clusterpb.TierUsage{{Alias: "SSD", Quota: 100, Used: 10}},
	}
	for i := 0; i < len(blocks); i += 2 {
		in.Changes = append(in.Changes, &clusterpb.BlockChange{BlockId: blocks[i], Bytes: blocks[i+1]})
	}
	files, _ := c.report(c.sessions[id], in, c.now)
	return files
}

func (c *crew) leaves(id int64) {
	c.leave(c.sessions[id])
	delete(c.sessions, id)
}

// places says where the three blocks, of 10 bytes each, of a file of 25 bytes are: holders with their medium, owners bare.
func (c *crew) places() string {
	blocks, cached := c.locate(testFile, 25, 10, 20)
	var lines []string
	for _, at := range blocks {
		var names []string
		for _, l := range at {
			names = append(names, strings.TrimSuffix(l.host+":"+l.medium, ":"))
		}
		lines = append(lines, strings.Join(names, " "))
	}
	return fmt.Sprintf("%s = %d", strings.Join(lines, ", "), cached)
}

func (c *crew) want(places string) {
	c.t.Helper()
	if got := c.places(); got != places {
		c.t.Errorf("blocks are at %q, want %q", got, places)
	}
}

// orders takes what waits for worker id.
func (c *crew) orders(id int64) (orders []string) {
	for {
		select {
		case o := <-c.sessions[id].orders:
			orders = append(orders, fmt.Sprint(o.GetFreeFiles()))
		case <-c.sessions[id].wake:
			if c.news(c.sessions[id]).GetSendAll() {
				orders = append(orders, "all")
			}
		default:
			return orders
		}
	}
}

func TestPlaces(t *testing.T) {
	c := newCrew(t)
	c.want(", ,  = 0") // nobody there: nobody to ask
	c.says(1, true)
	c.want("w1, w1, w1 = 0")

	// Who holds most of a block goes first, and the owner of the stripe behind.
	c.says(2, true, block(0), 4)
	c.says(3, true, block(0), 10, block(2), 5)
	owner := c.mustOwner()
	t.Logf("the stripe of blocks 0 and 1 is %s's", owner)
	blocks, cached := c.locate(testFile, 25, 10, 20)
	if blocks[0][0].host != "w3" || blocks[0][1].host != "w2" || cached != 15 {
		t.Errorf("block 0 is at %v, %d bytes cached", blocks[0], cached)
	}
	if len(blocks[1]) != 1 || blocks[1][0].host != owner || blocks[1][0].medium != "" {
		t.Errorf("block 1 is to be at %v, want %s", blocks[1], owner)
	}

	// Differences add and take away, and name the files that grew.
	if grown := c.says(3, false, block(0), 0, block(1), 10); !slices.Equal(grown, []int64{testFile}) {
		t.Errorf("grown: %v", grown)
	}
	if blocks, cached = c.locate(testFile, 25, 10, 20); blocks[0][0].host != "w2" || blocks[1][0].host != "w3" || cached != 19 {
		t.Errorf("after a difference: %v, %d bytes", blocks, cached)
	}
	// A report that begins anew forgets what was.
	c.says(3, true, block(2), 1)
	if blocks, cached = c.locate(testFile, 25, 10, 20); blocks[1][0].medium != "" || cached != 5 {
		t.Errorf("after a reset: %v, %d bytes", blocks, cached)
	}
	if got := c.status(c.now); len(got) != 3 || got[2].Blocks != 1 || !got[2].Live || got[2].Host != "w3" {
		t.Errorf("status %v", got)
	}
	if none, cached := c.locate(testFile, 0, 10, 20); none != nil || cached != 0 {
		t.Errorf("an empty file is at %v", none)
	}
}

func (c *crew) mustOwner() string {
	blocks, _ := c.locate(9<<24|blockMask, 10, 10, 20) // a file that nobody holds
	if len(blocks[0]) != 1 {
		c.t.Fatalf("owners %v", blocks[0])
	}
	blocks, _ = c.locate(testFile, 25, 10, 20)
	return blocks[1][len(blocks[1])-1].host
}

// A worker that leaves takes its places and its stripes with it; when it returns it has all of them again, and nobody
// else's moved meanwhile.
func TestRingIsStable(t *testing.T) {
	c := newCrew(t)
	for id := range int64(5) {
		c.says(id+1, true)
	}
	owners := func() map[int64]string {
		m := make(map[int64]string)
		for file := range int64(500) {
			blocks, _ := c.locate(file<<24|blockMask, 10, 10, 10)
			m[file] = blocks[0][0].host
		}
		return m
	}
	before := owners()
	c.leaves(3)
	moved := 0
	for file, host := range owners() {
		if host == "w3" {
			t.Fatal("a worker that left owns something")
		}
		if before[file] != host {
			moved++
			if before[file] != "w3" {
				t.Errorf("file %d moved from %s to %s", file, before[file], host)
			}
		}
	}
	if moved == 0 || moved > 250 {
		t.Errorf("%d of 500 files moved, want about a fifth", moved)
	}
	c.says(3, true)
	for file, host := range owners() {
		if before[file] != host {
			t.Errorf("file %d is %s's, was %s's", file, host, before[file])
		}
	}
}

func TestWorkersLeaveAndAreLost(t *testing.T) {
	c := newCrew(t)
	c.says(1, true, block(0), 10)
	c.says(2, true)
	// A new stream takes over; the end of the old one, heard of late, changes nothing, nor does what it still says.
	old := c.sessions[1]
	c.sessions[1] = newSession()
	c.says(1, true, block(0), 10)
	c.leave(old)
	if got, _ := c.report(old, &clusterpb.WorkerReport{WorkerId: 1, Host: "w1", Reset_: true}, c.now); got != nil || c.status(c.now)[0].Blocks != 1 {
		t.Error("a stream that ended is believed")
	}
	if !c.status(c.now)[0].Live {
		t.Error("worker 1 is lost though its new stream is up")
	}
	// Silence is a loss after the timeout, told once, until it speaks again.
	c.now = c.now.Add(50 * time.Second)
	c.says(2, false)
	c.now = c.now.Add(11 * time.Second)
	if lost := c.expire(c.now); !slices.Equal(lost, []string{"w1"}) {
		t.Errorf("lost %v", lost)
	}
	if lost := c.expire(c.now); lost != nil {
		t.Errorf("lost again %v", lost)
	}
	if blocks, cached := c.locate(testFile, 10, 10, 10); cached != 0 || blocks[0][0].host != "w2" {
		t.Errorf("counts on the lost: %v, %d", blocks, cached)
	}
	c.says(1, false)
	if _, cached := c.locate(testFile, 10, 10, 10); cached != 10 {
		t.Errorf("the worker is back with %d bytes", cached)
	}
	// After a hundred times as long it is forgotten.
	c.leaves(1)
	c.leaves(2)
	c.now = c.now.Add(101 * time.Minute)
	c.expire(c.now)
	if got := c.status(c.now); len(got) != 0 || len(c.mu.places) != 0 {
		t.Errorf("remembers %v and %d files", got, len(c.mu.places))
	}
}

func TestOrders(t *testing.T) {
	c := newCrew(t)
	c.says(1, true)
	c.says(2, true)
	c.leaves(2)
	c.order(nil)
	c.order([]int64{1, 2})
	if got := c.orders(1); !slices.Equal(got, []string{"[1 2]"}) {
		t.Errorf("orders %v", got)
	}
	// Many files come in several orders.
	c.order(make([]int64, orderPage+1))
	if got := c.orders(1); len(got) != 2 || got[1] != "[0]" {
		t.Errorf("%d orders", len(got))
	}
	// A worker that takes none is told to report anew: what it should have dropped is found then.
	for range sessionOrders + 10 {
		c.order([]int64{3})
	}
	if got := slices.Sorted(slices.Values(c.orders(1))); len(got) != sessionOrders+1 || got[0] != "[3]" || got[len(got)-1] != "all" {
		t.Errorf("%d orders, from %s to %s", len(got), got[0], got[len(got)-1])
	}
}

func TestHoldings(t *testing.T) {
	c := newCrew(t)
	c.says(1, true, block(0), 1, block(1), 1, 9<<24, 1)
	c.says(2, true, block(0), 1)
	c.leaves(2)
	if got := c.holdings(); len(got) != 1 || !slices.Equal(got[c.sessions[1]], []int64{testFile, 9<<24 | blockMask}) {
		t.Errorf("holdings %v", got)
	}
}
