package metastore

import "testing"

// TestForgetting: old operations are forgotten a few at a time, and one that is
// still waiting for it can be used again meanwhile.
func TestForgetting(t *testing.T) {
	s := open(t, t.TempDir())
	index := uint64(0)
	apply := func(c command) any {
		index++
		return s.Apply(index, [][]byte{encode(c)})[0]
	}
	const many = 3 * forgetLimit
	mkdir := func(n int, ms int64) any {
		return apply(CreateDirectory{Header: Header{OpID: OpID{1, byte(n)}, Time: ms}, Path: "/d", AllowExists: true})
	}
	for i := range many {
		mkdir(i, int64(i))
	}
	count := func() (n int) {
		err := s.read(func(tr *tree) error {
			prefix := string(rune(ops))
			for range tr.scan(prefix, prefix) {
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := count(); got != many {
		t.Fatalf("%d operations are remembered, want %d", got, many)
	}
	later := OpWindow.Milliseconds() + many
	mkdir(many-1, later) // its old record is the last to be forgotten
	if got, want := count(), many-forgetLimit; got != want {
		t.Errorf("%d operations are remembered, want %d", got, want)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	for range many/forgetLimit + 1 {
		apply(Reap{Header{Time: later}})
	}
	if got := count(); got != 1 {
		t.Errorf("%d operations are remembered, want the new one", got)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	// A leader whose clock is behind does not make anybody forget.
	apply(Reap{Header{Time: -later}})
	if got := count(); got != 1 {
		t.Errorf("%d operations are remembered after a step back", got)
	}
}
