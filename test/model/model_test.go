package model

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// answered is a line of a story: who asked what, when it was called and answered, and what the answer was.
type answered struct {
	call, ret int64 // 0: never
	in        Input
	out       Output
}

func file(name string, id int64, mode uint32) Entry {
	return Entry{Name: name, ID: id, Mode: mode}
}

func TestStories(t *testing.T) {
	create := Input{Kind: Create, Path: "/t/a", Mode: 0o600}
	made := Output{Entry: file("a", 7, 0o600)}
	stat := Input{Kind: Stat, Path: "/t/a"}
	remove := Input{Kind: Remove, Path: "/t/a"}
	gone, unknown := Output{Err: syscall.ENOENT}, Output{Unknown: true}
	list := Input{Kind: List, Path: "/t"}
	mkdir := Input{Kind: Mkdir, Path: "/t/d", Mode: 0o700}
	for name, story := range map[string]struct {
		legal bool
		told  []answered
	}{
		"what was made is there":                    {true, []answered{{1, 2, create, made}, {3, 4, stat, made}}},
		"an acknowledged change is lost":            {false, []answered{{1, 2, create, made}, {3, 4, stat, gone}}},
		"while it is made it may be there or not":   {true, []answered{{1, 5, create, made}, {2, 3, stat, gone}}},
		"a past that is over":                       {false, []answered{{1, 2, create, made}, {3, 4, remove, Output{}}, {5, 6, stat, made}}},
		"reads go back and forth":                   {false, []answered{{1, 9, create, made}, {2, 3, stat, made}, {4, 5, stat, gone}}},
		"made twice":                                {false, []answered{{1, 2, create, made}, {3, 4, create, Output{Entry: file("a", 8, 0o600)}}}},
		"another file than the one that was made":   {false, []answered{{1, 2, create, made}, {3, 4, stat, Output{Entry: file("a", 8, 0o600)}}}},
		"the file changes its id between two reads": {false, []answered{{1, 2, create, Output{}}, {3, 4, stat, made}, {5, 6, stat, Output{Entry: file("a", 8, 0o600)}}}},
		"refused for another reason than there is":  {false, []answered{{1, 2, create, Output{Err: syscall.ENOTDIR}}}},
		"unknown, and it happened":                  {true, []answered{{1, 0, create, unknown}, {3, 4, stat, made}}},
		"unknown, and it happened later":            {true, []answered{{1, 0, create, unknown}, {3, 4, stat, gone}, {5, 6, stat, made}}},
		"unknown, and it did not happen":            {true, []answered{{1, 0, create, unknown}, {3, 4, stat, gone}}},
		"unknown, and it happened twice":            {false, []answered{{1, 0, create, unknown}, {3, 4, stat, made}, {5, 6, remove, Output{}}, {7, 8, stat, made}}},
		"unknown does not reach back":               {false, []answered{{3, 0, create, unknown}, {1, 2, stat, made}}},
		"completed": {true, []answered{{1, 2, create, made}, {3, 4, Input{Kind: Complete, Path: "/t/a", Length: 5}, Output{}},
			{5, 6, stat, Output{Entry: Entry{Name: "a", ID: 7, Complete: true, Length: 5, Mode: 0o600}}}}},
		"completed twice": {false, []answered{{1, 2, create, made}, {3, 4, Input{Kind: Complete, Path: "/t/a", Length: 5}, Output{}},
			{5, 6, Input{Kind: Complete, Path: "/t/a", Length: 6}, Output{}}}},
		"a listing of two moments": {false, []answered{{1, 2, create, made}, {3, 4, Input{Kind: Rename, Path: "/t/a", To: "/t/b"}, Output{}},
			{1, 9, list, Output{Entries: []Entry{file("a", 7, 0o600), file("b", 7, 0o600)}}}}},
		"a listing": {true, []answered{{1, 2, mkdir, Output{}}, {3, 4, create, made},
			{5, 6, list, Output{Entries: []Entry{file("a", 7, 0o600), {Name: "d", ID: 3, Dir: true, Complete: true, Mode: 0o700}}}}}},
		"a renamed directory takes all along": {true, []answered{{1, 2, mkdir, Output{}}, {3, 4, Input{Kind: Create, Path: "/t/d/x", Mode: 1}, Output{}},
			{5, 6, Input{Kind: Rename, Path: "/t/d", To: "/t/e"}, Output{}}, {7, 8, Input{Kind: Stat, Path: "/t/e/x"}, Output{Entry: file("x", 4, 1)}},
			{9, 10, Input{Kind: Stat, Path: "/t/d/x"}, gone}}},
		"a directory that is not empty": {true, []answered{{1, 2, mkdir, Output{}}, {3, 4, Input{Kind: Create, Path: "/t/d/x"}, Output{}},
			{5, 6, Input{Kind: Remove, Path: "/t/d"}, Output{Err: syscall.ENOTEMPTY}}, {7, 8, Input{Kind: Remove, Path: "/t/d", Recursive: true}, Output{}},
			{9, 10, list, Output{Entries: []Entry{}}}}},
		"a directory counts its entries": {true, []answered{{1, 2, mkdir, Output{}}, {3, 9, Input{Kind: Create, Path: "/t/d/x"}, Output{}},
			{4, 5, Input{Kind: Stat, Path: "/t/d"}, Output{Entry: Entry{Name: "d", ID: 3, Dir: true, Complete: true, Length: 1, Mode: 0o700}}},
			{6, 7, list, Output{Entries: []Entry{{Name: "d", ID: 3, Dir: true, Complete: true, Length: 1, Mode: 0o700}}}},
			{8, 9, Input{Kind: Stat, Path: "/t"}, Output{Entry: Entry{Name: "t", Dir: true, Length: 1}}}}},
		"a directory miscounts": {false, []answered{{1, 2, mkdir, Output{}},
			{4, 5, Input{Kind: Stat, Path: "/t/d"}, Output{Entry: Entry{Name: "d", ID: 3, Dir: true, Complete: true, Length: 1, Mode: 0o700}}},
			{6, 7, Input{Kind: Stat, Path: "/t/a"}, gone}}},
		"other trees do not matter": {true, []answered{{1, 2, create, made}, {3, 4, Input{Kind: Stat, Path: "/u/a"}, gone}}},
	} {
		t.Run(name, func(t *testing.T) {
			var h History
			for _, o := range story.told {
				if o.ret == 0 {
					o.ret = math.MaxInt64
				}
				h.mu.operations = append(h.mu.operations, porcupine.Operation{Input: o.in, Output: o.out, Call: o.call, Return: o.ret})
			}
			page := filepath.Join(t.TempDir(), "history.html")
			verdict, err := h.Check(time.Minute, page)
			if err != nil {
				t.Fatal(err)
			}
			if legal := verdict == Legal; legal != story.legal {
				t.Errorf("%s", verdict)
			}
			drawn, _ := os.ReadFile(page)
			words, _ := os.ReadFile(page + ".txt")
			if !story.legal != strings.Contains(string(drawn), "/t/a") || !story.legal != strings.Contains(string(words), "none of these can follow:\n") {
				t.Errorf("a page of %d bytes was drawn, and told:\n%s", len(drawn), words)
			}
		})
	}
}

// TestRefusals: what each operation says of names that do not allow it.
func TestRefusals(t *testing.T) {
	state := tree{}
	for _, in := range []Input{
		{Kind: Mkdir, Path: "/t/d"}, {Kind: Mkdir, Path: "/t/d/e"}, {Kind: Create, Path: "/t/f"},
		{Kind: Create, Path: "/t/g"}, {Kind: Complete, Path: "/t/g", Length: 1},
	} {
		var errno syscall.Errno
		if state, errno = state.change(in); errno != 0 {
			t.Fatal(in, errno)
		}
	}
	for _, refused := range []struct {
		in    Input
		errno syscall.Errno
	}{
		{Input{Kind: Create, Path: "/t/f"}, syscall.EEXIST},
		{Input{Kind: Create, Path: "/t/d"}, syscall.EEXIST},
		{Input{Kind: Mkdir, Path: "/t/d"}, syscall.EEXIST},
		{Input{Kind: Mkdir, Path: "/t/no/x"}, syscall.ENOENT},
		{Input{Kind: Create, Path: "/t/f/x/y"}, syscall.ENOTDIR},
		{Input{Kind: Complete, Path: "/t/d"}, syscall.EISDIR},
		{Input{Kind: Complete, Path: "/t/g"}, syscall.EBUSY},
		{Input{Kind: Complete, Path: "/t/no"}, syscall.ENOENT},
		{Input{Kind: SetMode, Path: "/t/no"}, syscall.ENOENT},
		{Input{Kind: Remove, Path: "/t/no"}, syscall.ENOENT},
		{Input{Kind: Remove, Path: "/t/d"}, syscall.ENOTEMPTY},
		{Input{Kind: Rename, Path: "/t/no", To: "/t/x"}, syscall.ENOENT},
		{Input{Kind: Rename, Path: "/t/d", To: "/t/d/e/x"}, syscall.EINVAL},
		{Input{Kind: Rename, Path: "/t/d", To: "/t/d"}, syscall.EEXIST},
		{Input{Kind: Rename, Path: "/t/d", To: "/t/f/x"}, syscall.ENOTDIR},
		{Input{Kind: Stat, Path: "/t/f/x"}, syscall.ENOENT},
		{Input{Kind: List, Path: "/t/no"}, syscall.ENOENT},
	} {
		if after, errno := state.change(refused.in); errno != refused.errno || !after.equal(state) {
			t.Errorf("%s: %v", refused.in, errno)
		}
	}
}

// TestRecording: what is kept of a history, and what it counts.
func TestRecording(t *testing.T) {
	var h History
	answers := []struct {
		in  Input
		out Output
	}{
		{Input{Kind: Create, Path: "/t/a"}, Output{}},
		{Input{Kind: Create, Path: "/t/b"}, Output{Unknown: true}},
		{Input{Kind: Create, Path: "/t/c"}, Output{Refused: true, Err: syscall.ENOSPC}},
		{Input{Kind: Stat, Path: "/u/c"}, Output{Unknown: true}},
		{Input{Kind: Stat, Path: "/t/c"}, Output{Err: syscall.ENOENT}},
		{Input{Kind: Remove, Path: "/u/d"}, Output{Unknown: true}},
	}
	for i, a := range answers {
		if out := h.Do(i, a.in, func() Output { return a.out }); out.String() != a.out.String() {
			t.Error(out)
		}
	}
	if h.Acked() != 2 || h.Open("") != 2 || h.Open("/t") != 1 || h.Open("/u") != 1 || len(h.mu.operations) != 4 {
		t.Errorf("%d acked, %d open, %d kept", h.Acked(), h.Open(""), len(h.mu.operations))
	}
	h.Settle(func(client int, in Input) bool { return client == 1 && in.Path == "/t/b" })
	if h.Open("/t") != 1 || h.Open("/u") != 0 || len(h.mu.operations) != 3 {
		t.Errorf("after a look into the log %d and %d are open, %d kept", h.Open("/t"), h.Open("/u"), len(h.mu.operations))
	}
	if verdict, err := h.Check(time.Minute, ""); verdict != Legal || err != nil {
		t.Error(verdict, err)
	}
}

// TestUndecided: a check that takes too long says so.
func TestUndecided(t *testing.T) {
	var h History
	for i := range 24 {
		h.Do(i, Input{Kind: SetMode, Path: "/t/a", Mode: uint32(i)}, func() Output { return Output{Unknown: true} })
		h.Do(i, Input{Kind: Create, Path: "/t/a", Mode: uint32(i)}, func() Output { return Output{Unknown: true} })
		h.Do(i, Input{Kind: Remove, Path: "/t/a"}, func() Output { return Output{Unknown: true} })
	}
	h.Do(99, Input{Kind: Stat, Path: "/t/a"}, func() Output { return Output{Entry: file("a", 1, 0o777)} })
	if verdict, err := h.Check(50*time.Millisecond, ""); verdict != Undecided || err != nil {
		t.Error(verdict, err)
	}
}
