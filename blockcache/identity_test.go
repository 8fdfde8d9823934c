package blockcache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// two is options for two directories of a tier.
func two(a, b string) Options {
	return Options{Tiers: []Tier{{Alias: "HDD", Dirs: []Dir{{a, 8 * mib}, {b, 8 * mib}}}}}
}

// refused checks that Open fails with an errno and names what it is about.
func refused(t *testing.T, o Options, errno syscall.Errno, names ...string) {
	t.Helper()
	c, err := Open(o)
	if err == nil {
		c.Close()
		t.Fatal("opened")
	}
	var got syscall.Errno
	if !errors.As(err, &got) || got != errno {
		t.Errorf("%v: want %v", err, errno)
	}
	for _, n := range names {
		if !strings.Contains(err.Error(), n) {
			t.Errorf("%q does not name %q", err, n)
		}
	}
}

func TestStoreIDIsMadeOnceAndStays(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	c, err := Open(one(a, mib))
	if err != nil {
		t.Fatal(err)
	}
	id := c.StoreID()
	if id <= 0 {
		t.Fatalf("store id %d", id)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, err = Open(two(b, a)) // a directory is added
	if err != nil {
		t.Fatal(err)
	}
	if c.StoreID() != id {
		t.Errorf("store id %d, was %d", c.StoreID(), id)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c = mustOpen(t, one(b, mib)); c.StoreID() != id {
		t.Errorf("the added directory has store id %d, want %d", c.StoreID(), id)
	}
}

func TestAnotherWorkersDirectoryIsRefused(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	fill(t, one(a, mib))
	fill(t, one(b, mib))
	refused(t, two(a, b), syscall.EINVAL, a, b)
	fill(t, one(a, mib)) // and nothing stays locked
	fill(t, one(b, mib))
}

func TestADirectoryWhoseOwnerCannotBeToldIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", `{"storeId":-4}`, `{"storeId":"x"}`, "\x00\x00\x00"} {
		a := t.TempDir()
		fill(t, one(a, mib))
		path := filepath.Join(a, identityName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, one(a, mib), syscall.EINVAL, path)
	}
	a := t.TempDir()
	fill(t, one(a, mib))
	if err := os.Remove(filepath.Join(a, identityName)); err != nil {
		t.Fatal(err)
	}
	refused(t, one(a, mib), syscall.ENOENT, a)
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	c, err := Open(one(a, mib))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, two(b, a), syscall.EBUSY, a, fmt.Sprint(os.Getpid()))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, two(b, a))
}

func TestOptionsThatCannotBe(t *testing.T) {
	dirs := []Dir{{"/nowhere", mib}}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o     Options
		errno syscall.Errno
		name  string
	}{
		{Options{}, syscall.EINVAL, "at least one directory"},
		{Options{Policy: "FIFO", Tiers: []Tier{{Dirs: dirs}}}, syscall.EINVAL, "FIFO"},
		{Options{Tiers: []Tier{{Alias: "SSD", Dirs: dirs, High: 0.7, Low: 0.8}}}, syscall.EINVAL, "SSD"},
		{Options{Tiers: []Tier{{Alias: "SSD", Dirs: dirs, High: 0.7, Low: 0.7}}}, syscall.EINVAL, "SSD"},
		{Options{Tiers: []Tier{{Alias: "SSD", Dirs: dirs, High: 1.1, Low: 0.7}}}, syscall.EINVAL, "SSD"},
		{Options{Tiers: []Tier{{Alias: "SSD", Dirs: dirs, High: 0.8}}}, syscall.EINVAL, "SSD"},
		{one("/nowhere", 0), syscall.EINVAL, "/nowhere"},
		{one("", mib), syscall.EINVAL, "without a path"},
		{two("/nowhere", "/nowhere/../nowhere"), syscall.EINVAL, "twice"},
		{one(file, mib), syscall.ENOTDIR, file},
	} {
		refused(t, c.o, c.errno, c.name)
	}
}

func TestFormat(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	fill(t, two(a, b), victim())
	mine := filepath.Join(a, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(one(b, mib))
	if err != nil {
		t.Fatal(err)
	}
	id := c.StoreID()
	if err := Format(two(a, b)); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("formatted under an open cache: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Format(two(a, b)); err != nil {
		t.Fatal(err)
	}
	c = mustOpen(t, two(a, b))
	if c.StoreID() == id || c.CachedBytes(1) != 0 {
		t.Errorf("store id %d, was %d; %d bytes cached", c.StoreID(), id, c.CachedBytes(1))
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if err := Format(Options{}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

// TestIdsOfAnotherCluster: after the masters were formatted the same id may be
// another file of the same length.
func TestIdsOfAnotherCluster(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	serve := func(o Options, cluster string) (c *Cache, dropped int64) {
		t.Helper()
		c, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		dropped, err = c.SetCluster(cluster)
		if err != nil {
			t.Fatal(err)
		}
		return c, dropped
	}
	c, _ := serve(one(a, 8*mib), "one")
	put(t, mustAcquire(t, c, victim()), 0, 512*kib)
	c.Close()
	c, dropped := serve(one(a, 8*mib), "one")
	old := mustAcquire(t, c, victim())
	if dropped != 0 || c.CachedBytes(1) != 512*kib {
		t.Errorf("%d dropped, %d left of the same cluster", dropped, c.CachedBytes(1))
	}
	if n, err := c.SetCluster("another"); err != nil || n != 512*kib || put(t, old, 0, 512*kib) {
		t.Errorf("%d dropped in service, %v, or an old handle still puts", n, err)
	}
	if n, err := c.SetCluster("one"); err != nil || n != 0 {
		t.Errorf("%d dropped of nothing, %v", n, err)
	}
	put(t, mustAcquire(t, c, victim()), 0, 512*kib)
	c.Close()
	// One directory is away while the other moves to another cluster.
	c, _ = serve(one(b, 8*mib), "two")
	c.Close()
	if err := os.Remove(filepath.Join(b, identityName)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(a, identityName))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `"one"`, `"two"`, 1))
	if err := os.WriteFile(filepath.Join(b, identityName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, dropped = serve(two(a, b), "two")
	if dropped != 512*kib || c.CachedBytes(1) != 0 {
		t.Errorf("%d dropped, %d left of another cluster", dropped, c.CachedBytes(1))
	}
	put(t, mustAcquire(t, c, victim()), 0, 512*kib)
	c.Close()
	if c, dropped = serve(two(a, b), "two"); dropped != 0 || c.CachedBytes(1) != 512*kib {
		t.Errorf("%d dropped, %d left", dropped, c.CachedBytes(1))
	}
	c.Close()
}
