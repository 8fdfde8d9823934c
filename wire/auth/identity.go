package auth

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// Scheme is how callers say who they are.
type Scheme int

const (
	NOSASL Scheme = iota // not at all
	SIMPLE               // by name
)

// String is the scheme's name in a configuration.
func (s Scheme) String() string {
	if s == SIMPLE {
		return "SIMPLE"
	}
	return "NOSASL"
}

// ParseScheme reads the name of a scheme, in any case.
func ParseScheme(name string) (Scheme, error) {
	for _, s := range []Scheme{NOSASL, SIMPLE} {
		if strings.EqualFold(name, s.String()) {
			return s, nil
		}
	}
	return NOSASL, fmt.Errorf("authentication %q: want NOSASL or SIMPLE", name)
}

// Identity is who makes a call.
type Identity struct {
	User string // whose rights count, and who owns what the call creates
	By   string // who asked to be taken for User: User himself, or somebody whom the rules allow it
}

type identityKey struct{}

// With gives the context of a call that id makes.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// Of is who makes the call with this context. ok is false if nobody knows.
func Of(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// ProcessUser is the user that this process runs as: his name, or his number if he has none.
func ProcessUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return strconv.Itoa(os.Getuid())
}
