package ring

import (
	"fmt"
	"testing"
)

// The vectors come from Tencent's clients.
func TestHashAgreesWithJava(t *testing.T) {
	for _, v := range []struct {
		key   int64
		index int32
		want  int64
	}{
		{1, 0, 8673688779682957586},
		{42, 7, 1969424773395075097},
		{100, 1, -8854681018154386345},
		{-1, 0, 7097917686268154775},
		{0, 0, -6568239567428591645},
		{85429583872, 0, -5867849384608515022},
		{8769479697893324776, 0, -6296241382218419536},
	} {
		if got := Hash(v.key, v.index); got != v.want {
			t.Errorf("Hash(%d, %d) = %d, want %d", v.key, v.index, got, v.want)
		}
	}
}

func TestPickAgreesWithJava(t *testing.T) {
	names := map[int64]string{8769479697893324776: "A", 8349952073724719185: "B", 144281688392029313: "C", 6124739522353643542: "D", 8816614835528527236: "E"}
	var nodes []Node
	for _, id := range []int64{8769479697893324776, 8349952073724719185, 144281688392029313, 6124739522353643542, 8816614835528527236} {
		nodes = append(nodes, Node{ID: id, Host: names[id], VirtualNodes: 200})
	}
	r := New(nodes)
	got := ""
	for block := int64(85429583872); block < 85429583872+1; block++ {
		got += names[r.Pick(block, 1)[0].ID]
	}
	for block := int64(85429583874); block <= 85429583877; block++ {
		got += names[r.Pick(block, 1)[0].ID]
	}
	if got != "EADAB" {
		t.Errorf("owners = %s, want EADAB", got)
	}
}

func TestPickCountsHostsOnce(t *testing.T) {
	r := New([]Node{{1, "w1", 200}, {2, "w1", 200}, {3, "w2", 200}, {4, "w3", 200}})
	var ids []int64
	for _, n := range r.Pick(42, 3) {
		ids = append(ids, n.ID)
	}
	if got := fmt.Sprint(ids); got != "[2 3 4]" {
		t.Errorf("Pick(42, 3) = %s, want [2 3 4]", got)
	}
	if n := len(New(nil).Pick(42, 3)); n != 0 {
		t.Errorf("an empty ring picked %d nodes", n)
	}
}

func TestOneWorkerLessMovesOnlyItsBlocks(t *testing.T) {
	all := []Node{{ID: 11, Host: "a"}, {ID: 22, Host: "b"}, {ID: 33, Host: "c"}}
	before, after := New(all), New(all[:2])
	for block := int64(0); block < 1000; block++ {
		if was := before.Pick(block<<24, 1)[0].ID; was != 33 && after.Pick(block<<24, 1)[0].ID != was {
			t.Fatalf("block %d moved from worker %d, which did not leave", block, was)
		}
	}
}
