package auth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Properties are a configuration.
type Properties interface {
	String(name string) string
	List(name string) []string
	Duration(name string) time.Duration
	Prefix(prefix string) map[string]string // what was set below it, by full name
}

// LoginOf is how a process logs in by its configuration.
func LoginOf(c Properties) (Login, error) {
	scheme, err := ParseScheme(c.String("goosefs.security.authentication.type"))
	l := Login{Scheme: scheme, User: c.String("goosefs.security.login.username"), As: c.String("goosefs.security.login.impersonation.username")}
	if l.User == "" {
		l.User = ProcessUser()
	}
	// Names that stand for nobody: a user of Hadoop is never in this process.
	if slices.Contains([]string{"_NONE_", "_HDFS_USER_"}, l.As) {
		l.As = ""
	}
	if err == nil {
		_, err = parsePlain(plain{l.As, l.User, noPassword}.encode())
	}
	return l, err
}

// OptionsOf is how a server asks who calls, by its configuration.
func OptionsOf(c Properties) (Options, error) {
	scheme, err := ParseScheme(c.String("goosefs.security.authentication.type"))
	if err != nil {
		return Options{}, err
	}
	lookup, err := mappingOf(c.String("goosefs.security.group.mapping.class"))
	if err != nil {
		return Options{}, err
	}
	return Options{
		Scheme: scheme, Impersonation: impersonationOf(c),
		Groups: NewGroups(lookup, c.Duration("goosefs.security.group.mapping.cache.timeout")),
	}, nil
}

// mappingOf finds the mapping from users to groups by the name of GooseFS's class, with or without its package.
func mappingOf(class string) (func(string) ([]string, error), error) {
	switch class[strings.LastIndex(class, ".")+1:] {
	case "ShellBasedUnixGroupsMapping":
		return HostGroups, nil
	case "IdentityUserGroupsMapping":
		return OwnGroup, nil
	}
	return nil, fmt.Errorf("goosefs.security.group.mapping.class=%s: write ShellBasedUnixGroupsMapping (the groups that a user has on the master's host) or IdentityUserGroupsMapping (one group with his name)", class)
}

// impersonationOf reads the rules: goosefs.master.security.impersonation.{user}.users and .groups.
func impersonationOf(c Properties) Impersonation {
	const prefix = "goosefs.master.security.impersonation."
	rules := make(Impersonation)
	for name := range c.Prefix(prefix) {
		rest := strings.TrimPrefix(name, prefix)
		dot := strings.LastIndex(rest, ".")
		if dot <= 0 {
			continue
		}
		user, what := rest[:dot], rest[dot+1:]
		rule := rules[user]
		switch what {
		case "users":
			rule.Users = c.List(name)
		case "groups":
			rule.Groups = c.List(name)
		}
		rules[user] = rule
	}
	return rules
}
