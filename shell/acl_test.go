package shell

import (
	"context"
	"slices"
	"strings"
	"testing"

	"goosefs/client"

	"github.com/cockroachdb/datadriven"
)

func (f *fakeCluster) SetACL(_ context.Context, p string, action client.ACLAction, entries []client.ACLEntry, recursive bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.lookupLocked("setacl", p); err != nil {
		return err
	}
	words := append([]string{"setacl", p, action.String()}, aclTexts(entries)...)
	if recursive {
		words = append(words, "recursive")
	}
	f.mu.calls = append(f.mu.calls, strings.Join(words, " "))
	return nil
}

// setListLocked gives a file the access control list that is below an acl directive, an entry a line.
func (f *fakeCluster) setListLocked(t *testing.T, p string, d *datadriven.TestData) {
	list, err := parseACL(strings.Join(strings.Fields(d.Input), ","), true, false)
	if err != nil {
		t.Fatal(err)
	}
	split := slices.IndexFunc(list, func(e client.ACLEntry) bool { return e.Default })
	if split < 0 {
		split = len(list)
	}
	f.mu.nodes[p].ACL, f.mu.nodes[p].DefaultACL = list[:split], list[split:]
}

// What is printed can be read again, and what is read is what it says.
func TestACLTexts(t *testing.T) {
	for text, want := range map[string]client.ACLEntry{
		"user::rwx":              {Kind: client.ACLOwner, Rights: 7},
		"user:bob:r-x":           {Kind: client.ACLNamedUser, Name: "bob", Rights: 5},
		"group::---":             {Kind: client.ACLOwningGroup},
		"group:a b:-w-":          {Kind: client.ACLNamedGroup, Name: "a b", Rights: 2},
		"mask::--x":              {Kind: client.ACLMask, Rights: 1},
		"other::r--":             {Kind: client.ACLOther, Rights: 4},
		"default:user:bob:rw-":   {Kind: client.ACLNamedUser, Name: "bob", Rights: 6, Default: true},
		"default:group::rwx":     {Kind: client.ACLOwningGroup, Rights: 7, Default: true},
		"default:group:staff:r-": {Kind: client.ACLNamedGroup, Name: "staff", Rights: 4, Default: true},
	} {
		list, err := parseACL(text, true, false)
		if err != nil || len(list) != 1 || list[0] != want {
			t.Errorf("%s is %+v, %v", text, list, err)
			continue
		}
		again, err := parseACL(aclText(list[0]), true, false)
		if err != nil || again[0] != want {
			t.Errorf("%s is printed as %s", text, aclText(list[0]))
		}
	}
	for short, long := range map[string]string{"u:bob:5": "user:bob:r-x", "g::xr": "group::r-x", "m::0": "mask::---", "o::w": "other::-w-", "d:u::7": "default:user::rwx"} {
		if list, err := parseACL(short, true, false); err != nil || aclText(list[0]) != long {
			t.Errorf("%s is %v, %v", short, list, err)
		}
	}
}
