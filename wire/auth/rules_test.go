package auth

import (
	"errors"
	"os/user"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/test/program"
)

func TestImpersonation(t *testing.T) {
	rules := Impersonation{
		"hive":   {Users: []string{"alice", "bob"}},
		"presto": {Groups: []string{"analysts"}},
		"root":   {Users: []string{"*"}},
		"yarn":   {Groups: []string{"*"}},
		"none":   {},
	}
	groups := func(user string) []string {
		if user == "carol" {
			return []string{"carol", "analysts"}
		}
		return nil
	}
	for _, c := range []struct{ by, as, refused string }{
		{"alice", "alice", ""},
		{"hive", "alice", ""},
		{"hive", "carol", "name neither him"},
		{"presto", "carol", ""},
		{"presto", "alice", "name neither him"},
		{"root", "anybody", ""},
		{"yarn", "anybody", ""},
		{"none", "alice", "name neither him"},
		{"alice", "root", "goosefs.master.security.impersonation.alice.users"},
	} {
		err := rules.refusal(c.by, c.as, groups)
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s as %s: %v, want %q", c.by, c.as, err, c.refused)
		}
	}
}

// Groups are asked for once, and again when the answer is old; names without end take no memory without end.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := NewGroups(func(user string) ([]string, error) {
			asked++
			if user == "alice" {
				return []string{"alice", "staff"}, nil
			}
			return []string{"half"}, errors.New("no such user")
		}, time.Minute)
		for range 3 {
			if got := g.Of("alice"); !slices.Equal(got, []string{"alice", "staff"}) {
				t.Errorf("alice is in %v", got)
			}
			if got := g.Of("nobody"); len(got) != 0 {
				t.Errorf("an unknown user is in %v", got)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(time.Minute)
		if g.Of("alice"); asked != 3 {
			t.Errorf("asked %d times after a minute", asked)
		}
		for range 2 * groupsKept {
			g.Of(newID())
		}
		if n := len(g.mu.known); n > groupsKept {
			t.Errorf("%d users are remembered", n)
		}
	})
	if got := (*Groups)(nil).Of("alice"); got != nil {
		t.Errorf("nobody knows groups, but %v", got)
	}
}

func TestHostGroups(t *testing.T) {
	me, err := user.Current()
	program.Need(t, err)
	own, err := user.LookupGroupId(me.Gid)
	program.Need(t, err)
	groups, err := HostGroups(me.Username)
	if err != nil || len(groups) == 0 || groups[0] != own.Name {
		t.Errorf("%s is in %v (%v), want %s first", me.Username, groups, err, own.Name)
	}
	if groups, err := HostGroups("no-such-user-here"); err == nil {
		t.Errorf("a user that does not exist is in %v", groups)
	}
	if groups, err := OwnGroup("alice"); err != nil || !slices.Equal(groups, []string{"alice"}) {
		t.Errorf("alice is in %v (%v)", groups, err)
	}
}

// properties are a configuration.
type properties map[string]string

func (p properties) String(name string) string     { return p[name] }
func (p properties) List(name string) []string     { return strings.Split(p[name], ",") }
func (p properties) Duration(string) time.Duration { return time.Minute }
func (p properties) Prefix(prefix string) map[string]string {
	found := make(map[string]string)
	for name, value := range p {
		if strings.HasPrefix(name, prefix) {
			found[name] = value
		}
	}
	return found
}

func TestProperties(t *testing.T) {
	const scheme, mapping, name, as = "goosefs.security.authentication.type", "goosefs.security.group.mapping.class", "goosefs.security.login.username", "goosefs.security.login.impersonation.username"
	p := properties{
		scheme: "simple", mapping: "com.qcloud.cos.goosefs.security.group.provider.IdentityUserGroupsMapping",
		"goosefs.master.security.impersonation.hive.users": "alice,bob", "goosefs.master.security.impersonation.hive.groups": "staff",
		"goosefs.master.security.impersonation.j.doe@x.users": "*", "goosefs.master.security.impersonation.users": "stray",
	}
	o, err := OptionsOf(p)
	if err != nil || o.Scheme != SIMPLE || !slices.Equal(o.Groups.Of("alice"), []string{"alice"}) {
		t.Fatalf("options %+v, %v", o, err)
	}
	if len(o.Impersonation) != 2 || !slices.Equal(o.Impersonation["hive"].Users, []string{"alice", "bob"}) ||
		!slices.Equal(o.Impersonation["hive"].Groups, []string{"staff"}) || !slices.Equal(o.Impersonation["j.doe@x"].Users, []string{"*"}) {
		t.Errorf("rules %v", o.Impersonation)
	}
	if l, err := LoginOf(p); err != nil || l != (Login{SIMPLE, ProcessUser(), ""}) {
		t.Errorf("login %+v, %v", l, err)
	}
	p[name], p[as] = "hive", "alice"
	if l, err := LoginOf(p); err != nil || l != (Login{SIMPLE, "hive", "alice"}) {
		t.Errorf("login %+v, %v", l, err)
	}
	p[as] = "_HDFS_USER_"
	if l, err := LoginOf(p); err != nil || l.As != "" {
		t.Errorf("login %+v, %v", l, err)
	}
	p[name] = "a\nb"
	if _, err := LoginOf(p); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a name with a line break: %v", err)
	}
	p[mapping] = "LdapGroupsMapping"
	if _, err := OptionsOf(p); err == nil || !strings.Contains(err.Error(), mapping+"=LdapGroupsMapping") {
		t.Errorf("an unknown mapping: %v", err)
	}
	p[scheme] = "KERBEROS"
	if _, err := OptionsOf(p); err == nil || !strings.Contains(err.Error(), `"KERBEROS": want NOSASL or SIMPLE`) {
		t.Errorf("an unknown scheme: %v", err)
	}
	if _, err := LoginOf(p); err == nil {
		t.Error("a login by an unknown scheme")
	}
}

func TestProcessUser(t *testing.T) {
	if name := ProcessUser(); checkName(name) != nil {
		t.Errorf("this process runs as %q", name)
	}
	if Self() != (Login{SIMPLE, ProcessUser(), ""}) {
		t.Errorf("it logs in as %+v", Self())
	}
}

func TestSuperusers(t *testing.T) {
	groups := NewGroups(func(user string) ([]string, error) {
		return []string{user, "wheel"}[:map[string]int{"alice": 2}[user]], nil
	}, time.Minute)
	s := Superusers{User: "root", Group: "wheel", Groups: groups}
	for user, super := range map[string]bool{"root": true, "alice": true, "bob": false, "": false} {
		if s.Has(user) != super {
			t.Errorf("%q is a superuser: %v", user, !super)
		}
	}
	if (Superusers{User: "", Groups: groups}).Has("") || (Superusers{User: "root"}).Has("alice") {
		t.Error("nobody, or somebody in no group, is a superuser")
	}
	if text := s.Refusal("bob", "/a.B/Free"); !strings.Contains(text, "user=bob is not a superuser, and Free is for those") || !strings.Contains(text, "wheel") {
		t.Errorf("%s", text)
	}
}
