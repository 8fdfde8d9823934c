package metastore

import (
	"strings"
	"testing"
)

// TestXattrRefusalIsTheSame: of several things that are wrong with one command, every member names the same.
func TestXattrRefusalIsTheSame(t *testing.T) {
	bad := SetAttribute{Path: "/f", SetXattr: map[string][]byte{"": nil, "b": make([]byte, maxXattrValue+1), strings.Repeat("n", 256): nil}}
	log := [][]byte{CreateFile{Path: "/f"}.Encode(), bad.Encode()}
	for range 20 {
		s := open(t, t.TempDir())
		if err, ok := s.Apply(2, log)[1].(error); !ok || !strings.HasPrefix(err.Error(), `"" cannot be the name`) {
			t.Fatalf("%v", err)
		}
	}
}
