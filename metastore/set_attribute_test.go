package metastore

import "testing"

// TestInodesAreSnapshots: an inode that was handed out does not change any more.
func TestInodesAreSnapshots(t *testing.T) {
	s := open(t, t.TempDir())
	s.Apply(1, [][]byte{
		CreateDirectory{Path: "/d"}.Encode(),
		SetAttribute{Path: "/d", SetXattr: map[string][]byte{"a": []byte("1")}}.Encode(),
	})
	before, err := s.Resolve("/d")
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(2, [][]byte{SetAttribute{Path: "/d", Mode: new(uint32(0o700)),
		SetXattr: map[string][]byte{"a": []byte("2"), "b": nil}}.Encode()})
	if n := before.Inode; n.Mode != defaultDirMode || len(n.Xattr) != 1 || string(n.Xattr["a"]) != "1" {
		t.Errorf("it became %+v", n)
	}
}
