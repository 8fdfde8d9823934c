package auth

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for _, c := range []struct{ message, as, user, refused string }{
		{message: "\x00alice\x00noPassword", user: "alice"},
		{message: "\x00alice\x00", user: "alice"},
		{message: "bob\x00hive\x00secret", as: "bob", user: "hive"},
		{message: "\x00Jörg Müller\x00x", user: "Jörg Müller"},
		{message: "", refused: "0 NUL bytes"},
		{message: "alice", refused: "0 NUL bytes"},
		{message: "\x00alice", refused: "1 NUL bytes"},
		{message: "\x00alice\x00pass\x00word", refused: "3 NUL bytes"},
		{message: "\x00\x00noPassword", refused: "the user: no name"},
		{message: "bob\x00\x00noPassword", refused: "the user: no name"},
		{message: "\x00al\nice\x00x", refused: "control characters"},
		{message: "b\x1bb\x00alice\x00x", refused: "to be taken for: a name with control characters"},
		{message: "\x00al\xffice\x00x", refused: "not UTF-8"},
		{message: "\x00" + strings.Repeat("a", 257) + "\x00x", refused: "257 bytes: at most 256"},
		{message: "\x00alice\x00" + strings.Repeat("p", 2000), refused: "2007 bytes: at most 1024"},
	} {
		p, err := parsePlain([]byte(c.message))
		switch {
		case c.refused == "" && (err != nil || p.as != c.as || p.user != c.user):
			t.Errorf("%.40q is read as %+v, %v", c.message, p, err)
		case c.refused == "" && string(p.encode()) != c.message:
			t.Errorf("%.40q becomes %q", c.message, p.encode())
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%.40q: %v, want %q", c.message, err, c.refused)
		}
	}
}

func TestChannelIDs(t *testing.T) {
	for id, refused := range map[string]string{
		"3f2504e0-4f89-41d3-9a0c-0305e82c3301": "", "x": "", "": "no client id", "a b": "printable", "a\x00": "printable", "é": "printable",
		strings.Repeat("x", 128): "", strings.Repeat("x", 129): "129 bytes",
	} {
		err := checkID(id)
		if refused == "" && err != nil || refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
			t.Errorf("%.20q: %v, want %q", id, err, refused)
		}
	}
	a, b := newID(), newID()
	if a == b || checkID(a) != nil || len(a) != 36 {
		t.Errorf("new ids %q and %q", a, b)
	}
}

// FuzzPlain: whatever is taken is within the limits, and is written as it was read.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"\x00alice\x00noPassword", "bob\x00hive\x00", "\x00\x00\x00", "\x00\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePlain(b)
		if err != nil {
			return
		}
		if p.user == "" || len(p.user) > maxName || len(p.as) > maxName || strings.ContainsAny(p.user+p.as, "\x00\n\r\t") {
			t.Errorf("%q is taken as %+v", b, p)
		}
		if string(p.encode()) != string(b) {
			t.Errorf("%q becomes %q", b, p.encode())
		}
	})
}
