package mount

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A program that reads a cold file in order and stops early leaves it so that the next reads it directly.
func TestColdReaderStopsEarly(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, Quota: 256 << 20})
	dir, m := show(t, c.Client())
	data := randomBytes(5, 48<<20+77)
	write(t, c, "f", data)
	f := open(t, dir+"/f")
	got := make([]byte, 9<<20)
	if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, data[:9<<20]) {
		t.Fatal(err)
	}
	f.Close()
	same(t, "the next", direct(t, m, dir+"/f"), data)
}

// A file that the cache cannot hold is read all the same, but is not said to be loaded.
func TestLoadOfWhatDoesNotFit(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, Quota: 40 << 20, BlockSize: 8 << 20})
	f := c.Client()
	dir, _ := show(t, f)
	load := func(name string) error {
		t.Helper()
		info, err := f.Stat(t.Context(), "/"+name, client.StatOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return f.Load(t.Context(), info, nil)
	}
	data := randomBytes(6, 60<<20)
	write(t, c, "large", data)
	if err := load("large"); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/large") {
		t.Errorf("loaded: %v", err)
	}
	readOnce(t, dir+"/large", data)
	write(t, c, "small", data[:20<<20])
	if err := load("small"); err != nil {
		t.Error(err)
	}
}

// Why a file is not read directly is told in words that say what there is.
func TestWhyNotDirectly(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: 1 << 20, StripeSize: 1 << 20})
	f := c.Client()
	told := func(name, want string) {
		t.Helper()
		var got string
		eventually(t, name+" is told "+want, func() bool {
			info, err := f.Stat(t.Context(), "/"+name, client.StatOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got = ""
			if err := f.Directly(t.Context(), info); err != nil {
				got = err.Error()
			}
			return want == "" && got == "" || want != "" && strings.Contains(got, want)
		})
	}
	load := func(name string) {
		t.Helper()
		info, err := f.Stat(t.Context(), "/"+name, client.StatOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Load(t.Context(), info, nil); err != nil {
			t.Fatal(err)
		}
	}
	write(t, c, "small", randomBytes(30, 1<<20))
	told("small", "the worker on this host holds nothing of it")
	x, err := f.Open(t.Context(), "/small")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.ReadAt(t.Context(), make([]byte, 256<<10), 512<<10); err != nil {
		t.Fatal(err)
	}
	x.Close()
	told("small", "the worker on this host holds 25% of it")
	load("small")
	told("small", "")
	write(t, c, "large", randomBytes(31, 40<<20)) // forty stripes: one worker does not own them all
	load("large")
	told("large", "it is spread over several workers")
}
