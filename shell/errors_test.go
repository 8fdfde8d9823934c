package shell

import (
	"errors"
	"fmt"
	"testing"
)

func TestSafe(t *testing.T) {
	a, b := errors.New("first\x1b[2J"), errors.New("second\nline")
	for _, c := range []struct {
		err  error
		want string
	}{
		{a, `first\x1b[2J`},
		{errors.Join(a, b), "first\\x1b[2J\nsecond\\nline"},
		{errors.Join(errors.Join(a), b), "first\\x1b[2J\nsecond\\nline"},
		{fmt.Errorf("%w\nand %w", a, b), `first\x1b[2J\nand second\nline`},
	} {
		if got := safe(c.err); got != c.want {
			t.Errorf("%q is told as %q, want %q", c.err, got, c.want)
		}
	}
}
