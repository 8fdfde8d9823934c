package auth

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a client says of itself, in bytes.
const (
	maxPlain = 1024
	maxName  = 256
	maxID    = 128
)

// plain is a message of SASL's mechanism PLAIN (RFC 4616): authzid NUL authcid NUL passwd.
type plain struct {
	as       string // whose rights are wanted; empty: user's own
	user     string // who asks
	password string
}

// noPassword is what official clients send for one.
const noPassword = "noPassword"

func (p plain) encode() []byte { return []byte(p.as + "\x00" + p.user + "\x00" + p.password) }

// parsePlain reads a message. Its errors are for the client's user: they say what is wrong and what is wanted.
func parsePlain(b []byte) (plain, error) {
	if len(b) > maxPlain {
		return plain{}, fmt.Errorf("a PLAIN message of %d bytes: at most %d are taken", len(b), maxPlain)
	}
	if n := bytes.Count(b, []byte{0}); n != 2 {
		return plain{}, fmt.Errorf("a PLAIN message with %d NUL bytes: want authorization id, NUL, user, NUL, password", n)
	}
	parts := strings.Split(string(b), "\x00")
	p := plain{as: parts[0], user: parts[1], password: parts[2]}
	if p.as != "" {
		if err := checkName(p.as); err != nil {
			return plain{}, fmt.Errorf("the user to be taken for: %w", err)
		}
	}
	if err := checkName(p.user); err != nil {
		return plain{}, fmt.Errorf("the user: %w; set goosefs.security.login.username on the client", err)
	}
	return p, nil
}

// checkName refuses what cannot be the name of a user.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("no name")
	case len(name) > maxName:
		return fmt.Errorf("a name of %d bytes: at most %d are taken", len(name), maxName)
	case !utf8.ValidString(name):
		return errors.New("a name that is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return errors.New("a name with control characters")
	}
	return nil
}

// checkID refuses what cannot be the id of a channel: ids travel in headers.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("no client id")
	case len(id) > maxID:
		return fmt.Errorf("a client id of %d bytes: at most %d are taken", len(id), maxID)
	case strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("a client id that is not printable ASCII")
	}
	return nil
}
