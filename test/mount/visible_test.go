package mount

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// changes are what one client does to a name, and how another's mount shows that.
type change struct {
	name string
	do   func(ctx context.Context, f *client.FS, name string) error
	seen func(dir, name string) bool
}

func changes() []change {
	there := func(dir, name string) bool { _, err := os.Lstat(dir + "/" + name); return err == nil }
	gone := func(dir, name string) bool {
		_, err := os.Lstat(dir + "/" + name)
		return errors.Is(err, fs.ErrNotExist)
	}
	return []change{
		{"mkdir", func(ctx context.Context, f *client.FS, name string) error {
			return f.Mkdir(ctx, "/"+name, client.MkdirOptions{})
		}, there},
		{"chmod", func(ctx context.Context, f *client.FS, name string) error { return f.Chmod(ctx, "/"+name, 0o700) }, func(dir, name string) bool {
			st, err := os.Lstat(dir + "/" + name)
			return err == nil && st.Mode().Perm() == 0o700
		}},
		{"rename", func(ctx context.Context, f *client.FS, name string) error {
			return f.Rename(ctx, "/"+name, "/"+name+"-moved")
		}, func(dir, name string) bool {
			return gone(dir, name) && there(dir, name+"-moved")
		}},
		{"remove", func(ctx context.Context, f *client.FS, name string) error {
			return f.Remove(ctx, "/"+name+"-moved", client.RemoveOptions{})
		}, func(dir, name string) bool { return gone(dir, name+"-moved") }},
	}
}

// What one client changes every mount shows, though the kernel may believe the old for minutes, also that there is no such
// name; see BenchmarkChanges for how soon.
func TestChangesAreSeenOnAllMounts(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 3, Workers: 1})
	f := c.Client()
	var dirs []string
	for range 2 {
		dir, m := show(t, c.Client())
		eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
		dirs = append(dirs, dir)
	}
	for i := range 5 {
		name := "d" + strconv.Itoa(i)
		for _, one := range changes() {
			for _, dir := range dirs {
				if one.seen(dir, name) {
					t.Fatalf("%s is seen before it is done", one.name)
				}
			}
			if err := one.do(t.Context(), f, name); err != nil {
				t.Fatal(err)
			}
			for _, dir := range dirs {
				eventually(t, one.name+" is seen", func() bool { return one.seen(dir, name) })
			}
		}
	}
}

// BenchmarkChanges tells how long after a client was answered another's mount shows what it did.
func BenchmarkChanges(b *testing.B) {
	c := rolestest.Start(b, rolestest.Options{Masters: 3, Workers: 1})
	f := c.Client()
	dir, m := show(b, c.Client())
	for !m.Stats().Watched {
		time.Sleep(time.Millisecond)
	}
	all := changes()
	took := make([][]time.Duration, len(all))
	for i := 0; b.Loop(); i++ {
		name := "d" + strconv.Itoa(i)
		for j, one := range all {
			one.seen(dir, name) // the kernel knows how it is
			if err := one.do(b.Context(), f, name); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			for !one.seen(dir, name) {
				time.Sleep(50 * time.Microsecond)
			}
			took[j] = append(took[j], time.Since(began))
		}
	}
	for j, one := range all {
		slices.Sort(took[j])
		b.ReportMetric(float64(took[j][len(took[j])/2].Microseconds()), one.name+"-p50-µs")
		b.ReportMetric(float64(took[j][len(took[j])*99/100].Microseconds()), one.name+"-p99-µs")
	}
}
