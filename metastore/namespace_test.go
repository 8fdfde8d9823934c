package metastore

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"goosefs/metastore/metapb"
)

// list is "name,name".
func (l line) list(name string) []string {
	if l.named[name] == "" {
		return nil
	}
	return strings.Split(l.named[name], ",")
}

func setNamespaceIn(l line, h Header) command {
	c := SetNamespace{Header: h, Name: l.word(0), RemoveOptions: l.list("remove"), Secrets: l.list("secrets")}
	if options := l.options(); len(options) > 0 {
		c.SetOptions = options
	}
	for name, value := range l.named {
		switch number := func() int64 { return l.number(name) }; name {
		case "readonly":
			c.ReadOnly = new(value == "true")
		case "shared":
			c.Shared = new(value == "true")
		case "write":
			c.Write = new(WritePolicy(number()))
		case "read":
			c.Read = new(ReadPolicy(number()))
		case "ttl":
			c.TTL = new(number())
		case "action":
			c.Action = new(TTLAction(number()))
		case "owner":
			c.Owner = &value
		case "group":
			c.Group = &value
		case "mode":
			c.Mode = new(uint32(number()))
		case "freed":
			c.FreedUntil = new(number())
		}
	}
	return c
}

func describeMount(m Mount) string {
	text := fmt.Sprintf("mount %d: %s on %s", m.ID, m.UFS, m.Path)
	if m.ReadOnly {
		text += " readonly"
	}
	if m.Shared {
		text += " shared"
	}
	if len(m.Options) > 0 {
		text += fmt.Sprintf(" %v", m.Options)
	}
	if len(m.Secrets) > 0 {
		text += fmt.Sprintf(" secret %v", m.Secrets)
	}
	if p := m.Policy; p != (Policy{}) {
		text += fmt.Sprintf(" write %q read %q ttl %d %v freed until %d", p.Write, p.Read, p.TTL, p.Action, p.FreedUntil)
	}
	return text
}

// settings are what the model knows of a mount besides its UFS.
type settings struct {
	readOnly, shared bool
	secret           bool // there is an option, and it is
	option           bool
	policy           Policy
}

func (s settings) String() string {
	return fmt.Sprintf("readonly %v shared %v option %v secret %v %+v", s.readOnly, s.shared, s.option, s.secret, s.policy)
}

// settingsOf is what the store has.
func settingsOf(m Mount) settings {
	_, option := m.Options["k"]
	return settings{m.ReadOnly, m.Shared, m.Secret("k"), option, m.Policy}
}

func (m model) setNamespace(c SetNamespace) syscall.Errno {
	if strings.Contains(c.Name, "/") {
		return syscall.EINVAL
	}
	n := m["/"+c.Name]
	if n == nil || n.ufs == "" {
		return syscall.ENOENT
	}
	s := n.settings
	if c.FreedUntil != nil {
		if s.policy.TTL == 0 || s.policy.Action != ActionFree {
			return syscall.ESTALE
		}
		s.policy.FreedUntil = *c.FreedUntil
	}
	if c.Write != nil {
		s.policy.Write, s.policy.Read = *c.Write, *c.Read
	}
	if c.TTL != nil {
		if *c.TTL != s.policy.TTL || *c.Action != s.policy.Action {
			s.policy.FreedUntil = 0
		}
		s.policy.TTL, s.policy.Action = *c.TTL, *c.Action
	}
	if c.ReadOnly != nil {
		s.readOnly, s.shared = *c.ReadOnly, *c.Shared
	}
	s.option = s.option && len(c.RemoveOptions) == 0 || len(c.SetOptions) > 0
	s.secret = s.option && (s.secret || len(c.Secrets) > 0)
	switch {
	case s.policy.Write > 6, s.policy.Read > 5, s.policy.Action > 2, s.policy.TTL < 0:
		return syscall.EINVAL
	case s.readOnly && s.policy.TTL > 0 && s.policy.Action == ActionDelete:
		return syscall.EROFS
	}
	n.settings = s
	return 0
}

// TestOldMount: the record of a mount from before there were namespaces is read, and has no policies.
func TestOldMount(t *testing.T) {
	old := &metapb.MountRecord{Id: 3, Path: "/m", Ufs: "mem://m", Shared: true, Options: optionPairs(map[string]string{"k": "v"})}
	var r metapb.MountRecord
	unmarshal(marshal(old), &r)
	m := mountOf(&r)
	if m.Policy != (Policy{}) || m.Secrets != nil || m.Secret("k") || !m.Shared {
		t.Errorf("it came back as %+v", m)
	}
	if string(marshal(mountRecord(m))) != string(marshal(old)) {
		t.Error("and is written with other bytes, which other members would not have")
	}
}

// TestNames: which mounts are namespaces, and which names namespaces can have.
func TestNames(t *testing.T) {
	for path, want := range map[string]string{"/": "", "/a": "a", "/a/b": ""} {
		name, ok := Mount{Path: path}.Namespace()
		if ok != (want != "") || ok && name != want {
			t.Errorf("%s: %q, %v", path, name, ok)
		}
	}
	for name, want := range map[string]syscall.Errno{
		"a": 0, "": syscall.EINVAL, ".": syscall.EINVAL, "..": syscall.EINVAL, "a/b": syscall.EINVAL, "a\x00": syscall.EINVAL,
		strings.Repeat("n", 255): 0, strings.Repeat("n", 256): syscall.ENAMETOOLONG,
	} {
		path, err := NamespacePath("test", name)
		if errno, _ := errors.AsType[syscall.Errno](err); errno != want || err == nil && path != "/"+name {
			t.Errorf("%q: %q, %v", name, path, err)
		}
	}
}
