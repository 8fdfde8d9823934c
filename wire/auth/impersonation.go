package auth

import (
	"fmt"
	"slices"
)

// everybody in a [Rule] stands for any user, or any group.
const everybody = "*"

// Rule says for whom somebody may act: users by name, and whoever is in one of the groups. "*" is all of them.
type Rule struct {
	Users, Groups []string
}

// Impersonation are the rules, by the name of who asks. Who has none acts for himself alone.
type Impersonation map[string]Rule

// refusal is why by may not act for as, or nil. groups gives the groups of a user.
func (m Impersonation) refusal(by, as string, groups func(user string) []string) error {
	rule, any := m[by]
	switch {
	case by == as || rule.allows(as, groups):
		return nil
	case !any:
		return fmt.Errorf("user %q may not act for user %q: he may act for nobody; set goosefs.master.security.impersonation.%s.users or .groups on masters and workers", by, as, by)
	}
	return fmt.Errorf("user %q may not act for user %q: goosefs.master.security.impersonation.%s.users and .groups name neither him nor a group of his", by, as, by)
}

func (r Rule) allows(as string, groups func(string) []string) bool {
	if slices.Contains(r.Users, everybody) || slices.Contains(r.Users, as) || slices.Contains(r.Groups, everybody) {
		return true
	}
	return len(r.Groups) > 0 && slices.ContainsFunc(groups(as), func(g string) bool { return slices.Contains(r.Groups, g) })
}
