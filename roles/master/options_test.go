package master

import (
	"strings"
	"testing"

	"goosefs/conf"
	"goosefs/wire/auth"
)

// Whom a master asks who he is, and who may everything.
func TestSecurityFromConf(t *testing.T) {
	load := func(properties ...string) (Options, error) {
		t.Helper()
		t.Setenv("GOOSEFS_CONF_DIR", t.TempDir())
		c, _, err := conf.Load(conf.Input{Args: append(properties, "goosefs.master.hostname=m"), Role: conf.RoleMaster})
		if err != nil {
			t.Fatal(err)
		}
		o, err := FromConf(c, "test", nil)
		return o.withDefaults(), err
	}
	o, err := load()
	if err != nil || o.Auth.Scheme != auth.SIMPLE || o.Permissions || o.Supergroup != "supergroup" || o.User != auth.ProcessUser() {
		t.Errorf("by default: %+v, %v, %q, %q, %v", o.Auth, o.Permissions, o.Supergroup, o.User, err)
	}
	if open := strings.Join(o.Auth.Open, " "); !strings.Contains(open, "/getServiceVersion") || !strings.Contains(open, "/GetWorkerInfoList") || len(o.Auth.Open) != 2 {
		t.Errorf("without a session: %v", open)
	}
	o, err = load("goosefs.security.authorization.permission.enabled=true", "goosefs.security.authorization.permission.supergroup=wheel", "goosefs.security.login.username=goosefs",
		"goosefs.security.group.mapping.class=IdentityUserGroupsMapping")
	if err != nil || !o.Permissions || o.Supergroup != "wheel" || o.User != "goosefs" || o.Auth.Groups.Of("x")[0] != "x" {
		t.Errorf("%v, %q, %q, %v", o.Permissions, o.Supergroup, o.User, err)
	}
	if _, err := load("goosefs.security.login.username=a\tb"); err == nil || !strings.Contains(err.Error(), "goosefs.security.login.username") {
		t.Errorf("a name with a tab: %v", err)
	}
	if _, err := load("goosefs.security.group.mapping.class=Ldap"); err == nil || !strings.Contains(err.Error(), "goosefs.security.group.mapping.class=Ldap") {
		t.Errorf("an unknown mapping: %v", err)
	}
}
