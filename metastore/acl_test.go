package metastore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// subject is whom an entry is about.
type subject struct {
	kind      ACLKind
	name      string
	isDefault bool
}

// aclModel is both lists of a directory as maps of rights, changed as the manual page of setfacl says, and not as the
// store does it.
type aclModel map[subject]uint32

func (m aclModel) count(isDefault bool, kinds ...ACLKind) (n int) {
	for s := range m {
		if s.isDefault == isDefault && slices.Contains(kinds, s.kind) {
			n++
		}
	}
	return n
}

func (m aclModel) set(c SetACL) {
	masked := map[bool]bool{}
	cleared := map[bool]bool{}
	for _, e := range c.Entries {
		s := subject{e.Kind, e.Name, e.Default}
		if c.Action == ACLReplace && !cleared[e.Default] {
			maps.DeleteFunc(m, func(s subject, _ uint32) bool { return s.isDefault == e.Default })
			cleared[e.Default] = true
		}
		if c.Action == ACLRemove {
			delete(m, s)
			continue
		}
		m[s] = e.Rights
		masked[e.Default] = masked[e.Default] || e.Kind == ACLMask
	}
	if c.Action == ACLRemoveAll || c.Action == ACLRemoveDefault {
		maps.DeleteFunc(m, func(s subject, _ uint32) bool {
			extra := s.kind == ACLNamedUser || s.kind == ACLNamedGroup || s.kind == ACLMask
			return s.isDefault || c.Action == ACLRemoveAll && extra
		})
		return
	}
	for _, isDefault := range []bool{false, true} {
		if !slices.ContainsFunc(c.Entries, func(e ACLEntry) bool { return e.Default == isDefault }) {
			continue
		}
		if isDefault && m.count(true, ACLOwner, ACLNamedUser, ACLOwningGroup, ACLNamedGroup, ACLMask, ACLOther) > 0 {
			for _, kind := range []ACLKind{ACLOwner, ACLOwningGroup, ACLOther} {
				if m.count(true, kind) == 0 {
					m[subject{kind, "", true}] = m[subject{kind, "", false}]
				}
			}
		}
		if !masked[isDefault] {
			m.remask(isDefault)
		}
	}
}

// remask makes the mask what all whom it is about have together.
func (m aclModel) remask(isDefault bool) {
	delete(m, subject{ACLMask, "", isDefault})
	if m.count(isDefault, ACLNamedUser, ACLNamedGroup) == 0 {
		return
	}
	var mask uint32
	for s, rights := range m {
		if s.isDefault == isDefault && (s.kind == ACLNamedUser || s.kind == ACLNamedGroup || s.kind == ACLOwningGroup) {
			mask |= rights
		}
	}
	m[subject{ACLMask, "", isDefault}] = mask
}

// TestACLs changes the lists of one directory at random, and compares them with the model, and with them the mode.
func TestACLs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, t.TempDir())
		defer func() { s.Close() }()
		s.Apply(1, [][]byte{CreateDirectory{Path: "/d", Mode: 0o754}.Encode()})
		m := aclModel{{ACLOwner, "", false}: 7, {ACLOwningGroup, "", false}: 5, {ACLOther, "", false}: 4}
		c := commands{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "") }, store: s, anonymous: true}
		for i := range rapid.IntRange(1, 20).Draw(rt, "steps") {
			set := c.setACL(Header{}).(SetACL)
			set.Path = "/d"
			result, ok := s.Apply(uint64(i+2), [][]byte{set.Encode()})[0].(*Result)
			if !ok {
				rt.Fatalf("%+v failed", set)
			}
			m.set(set)
			n := &result.Inode
			got := aclModel{}
			for _, e := range append(n.FullACL(), n.DefaultACL...) {
				got[subject{e.Kind, e.Name, e.Default}] = e.Rights
			}
			if !maps.Equal(got, m) {
				rt.Fatalf("after %+v:\n%v\nthe model has\n%v", set, got, m)
			}
			group, extended := m[subject{ACLMask, "", false}]
			if !extended {
				group = m[subject{ACLOwningGroup, "", false}]
			}
			if want := m[subject{ACLOwner, "", false}]<<6 | group<<3 | m[subject{ACLOther, "", false}]; n.Mode != want {
				rt.Fatalf("after %+v the mode is %o, not %o", set, n.Mode, want)
			}
		}
		if err := s.Check(); err != nil {
			rt.Fatal(err)
		}
	})
}

// aclText is a list as setfacl takes it.
func aclText(list []ACLEntry) string {
	var texts []string
	for _, e := range list {
		text := []string{"user", "user", "group", "group", "mask", "other"}[e.Kind] + ":" + e.Name + ":" + rightsText(e.Rights)
		if e.Default {
			text = "default:" + text
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ",")
}

func rightsText(rights uint32) string {
	text := []byte("rwx")
	for i := range text {
		if rights&(4>>i) == 0 {
			text[i] = '-'
		}
	}
	return string(text)
}

// setACLIn reads "setfacl /path ACTION entry entry", as aclText writes entries. "?" is a kind that there is not, and
// many=N stands for entries of so many users.
func setACLIn(l line, h Header) command {
	c := SetACL{Header: h, Path: l.word(0), IfID: l.id("if"), Recursive: l.has("recursive")}
	names := []string{"replace", "modify", "remove", "remove-all", "remove-default"}
	c.Action = ACLAction(slices.Index(names, l.word(1)))
	for _, word := range l.words[2:] {
		if word == "recursive" {
			continue
		}
		e := ACLEntry{}
		word, e.Default = strings.CutPrefix(word, "default:")
		parts := strings.Split(word, ":")
		e.Name = parts[1]
		switch e.Kind = ACLKind(slices.Index([]string{"user", "", "group", "", "mask", "other"}, parts[0])); {
		case parts[0] == "?":
			e.Kind = 9
		case e.Name != "" && (e.Kind == ACLOwner || e.Kind == ACLOwningGroup):
			e.Kind++
		}
		for i, letter := range "rwx" {
			if len(parts) > 2 && strings.ContainsRune(parts[2], letter) {
				e.Rights |= 4 >> i
			}
		}
		if len(parts) > 2 && parts[2] == "all" {
			e.Rights = 8
		}
		c.Entries = append(c.Entries, e)
	}
	for i := range l.number("many") {
		c.Entries = append(c.Entries, ACLEntry{Kind: ACLNamedUser, Name: fmt.Sprintf("u%02d", i), Rights: 4})
	}
	return c
}
