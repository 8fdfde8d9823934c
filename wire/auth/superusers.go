package auth

import (
	"fmt"
	"path"
	"slices"
)

// Superusers are those who may do everything: one user, and the members of a group.
type Superusers struct {
	User   string
	Group  string // empty: none
	Groups *Groups
}

// Has says whether a user is one of them. Nobody, "", is not.
func (s Superusers) Has(user string) bool {
	return user != "" && (user == s.User || s.Group != "" && slices.Contains(s.Groups.Of(user), s.Group))
}

// Refusal says why a user, who is none of them, may not call a method.
func (s Superusers) Refusal(user, method string) string {
	name := path.Base(method)
	return fmt.Sprintf("Permission denied: user=%s is not a superuser, and %s is for those: call it, or run the worker, as %s, or put the user into the group %s", user, name, s.User, s.Group)
}
