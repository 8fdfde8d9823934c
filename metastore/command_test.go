package metastore

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"syscall"
	"testing"
)

// everyCommand is one of each, with no field left zero.
func everyCommand() []command {
	h := Header{OpID: OpID{1, 15: 2}, Time: -5, User: "alice", Group: "staff"}
	return []command{
		CreateFile{h, "/f\xff", 0o600, 5, true, true},
		CompleteFile{h, "/f", 9, 7, Persisted, "v\xff", true},
		CreateDirectory{h, "/d", 0o700, true, true, true},
		Delete{h, "/f", 9, true, true},
		Rename{h, "/f", "/g", 9, "v2"},
		SetAttribute{h, "/f", 9, new(uint32(0)), new(""), new("g"), new(int64(0)), new(int64(-1)), new(NotPersisted),
			new("v"), true, map[string][]byte{"a": []byte("1"), "b": {0xff}}, []string{"c", "d"}},
		AddMount{h, "/m", "mem://m", true, true, map[string]string{"k": "v", "l": ""}, []string{"k"}, WriteThrough, ReadConsistent},
		RemoveMount{h, "/m"},
		UpdateMount{h, "/m", true, true, map[string]string{"k": "v"}},
		LoadEntries{h, "/d", 9, []Entry{{"n\xff", true, 3, 4, 5, "o", "g", "v", true}}, []Gone{{"x", 8}}, true, 7},
		Reap{h},
		SetNamespace{h, "m", new(false), new(true), map[string]string{"k": "v"}, []string{"l"}, []string{"k"}, new(NoWritePolicy), new(ReadNoCache),
			new(int64(0)), new(ActionFree), new(""), new("g"), new(uint32(0)), new(int64(7))},
		CreateSymlink{h, "/l", "../f\xff", 0o700, true},
		SetACL{h, "/f", 9, ACLRemove, []ACLEntry{{ACLNamedGroup, "g\xff", 7, true}, {Kind: ACLOther}}, true},
	}
}

// TestEncode: every command comes back as it was, and always has the same bytes.
func TestEncode(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range everyCommand() {
		b := c.(interface{ Encode() []byte }).Encode()
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%#v\ncame back as %#v, %v", c, got, err)
		}
		if again := encode(c); string(again) != string(b) {
			t.Errorf("%#v has two encodings", c)
		}
		for i := range reflect.TypeOf(c).NumField() {
			if reflect.ValueOf(c).Field(i).IsZero() {
				t.Errorf("%T.%s is not tried", c, reflect.TypeOf(c).Field(i).Name)
			}
		}
		seen[c.name()] = true
	}
	if len(seen) != 14 {
		t.Errorf("%d commands are tried: %v", len(seen), seen)
	}
}

// TestRecords: what is stored comes back whole.
func TestRecords(t *testing.T) {
	n := Inode{ID: idOf(5), ParentID: idOf(4), Name: "n", Dir: true, Length: 1, BlockSize: 2, Mode: 3, Owner: "o", Group: "g",
		CreateTime: 4, ModTime: 5, AccessTime: 6, Completed: true, Persistence: Lost, Version: "v", Weak: true, MountID: 7,
		ChildrenLoaded: true, SyncTime: 8, Children: 9, Symlink: "to", ACL: []ACLEntry{{ACLOwningGroup, "", 5, false}},
		DefaultACL: []ACLEntry{{ACLNamedUser, "u", 7, true}}, Xattr: map[string][]byte{"a": {1}}}
	if got := decodeInode(n.ParentID, n.Name, marshal(inodeRecord(&n)), nil); !reflect.DeepEqual(*got, n) {
		t.Errorf("%+v came back as %+v", n, *got)
	}
	m := Mount{ID: 1, Path: "/m", UFS: "mem://m", ReadOnly: true, Shared: true, Options: map[string]string{"k": "v"}, Secrets: []string{"k"},
		Policy: Policy{WriteNone, ReadConsistent, 5, ActionFree, 6}}
	r := Result{Inode: n, Path: "/n", Removed: []int64{idOf(3), idOf(9)}, Unreaped: true, Mount: m, Changed: 4}
	if got := resultOf(resultRecord(&r)); !reflect.DeepEqual(*got, r) {
		t.Errorf("%+v came back as %+v", r, *got)
	}
	e := errorOf(errorRecord(errNotExist("op", "/p")))
	if e.Text != `Path "/p" does not exist.` || e.Err.Op != "op" || e.Err.Path != "/p" || e.Err.Err != syscall.ENOENT {
		t.Errorf("the error came back as %+v, %+v", e, e.Err)
	}
	if e := errorOf(errorRecord(errors.New("plain"))); e.Err.Err != syscall.EIO || e.Text != "plain" {
		t.Errorf("a plain error came back as %+v", e)
	}
	st := state{1, 2, 3, 4, 5, 6, 7, 8, sum{9, 10}}
	if got := stateOf(stateRecord(st)); got != st {
		t.Errorf("%+v came back as %+v", st, got)
	}
}

// FuzzDecode: whatever is in the log, decode does not panic, and what it takes it
// takes whole; applying it leaves a store that Check is content with.
func FuzzDecode(f *testing.F) {
	for _, c := range everyCommand() {
		f.Add(encode(c))
	}
	for _, cmd := range randomLog(f, rand.New(rand.NewPCG(11, 12)), 20) {
		f.Add(cmd)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(encode(c))
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%#v came back as %#v, %v", c, again, err)
		}
		s := open(t, t.TempDir())
		s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode(), CreateFile{Path: "/d/f", Recursive: true}.Encode()})
		s.Apply(2, [][]byte{b})
		if err := s.Check(); err != nil {
			t.Errorf("after %#v: %v", c, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
