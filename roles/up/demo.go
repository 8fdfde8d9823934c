package up

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// demonstrate reads the dataset twice through the mount, checks every byte, and says how fast it was and where the bytes
// came from.
func (u *session) demonstrate(ctx context.Context) error {
	limit := u.readLimit()
	if limit == 0 {
		return nil
	}
	for _, m := range u.plan.Dataset {
		if err := u.readTwice(ctx, m.AlluxioPath(), m.MountPoint, limit); err != nil {
			return fmt.Errorf("demonstration: %w", err)
		}
	}
	return nil
}

func (u *session) readLimit() int64 {
	switch {
	case u.o.Read != readDefault:
		return u.o.Read
	case u.sample != nil:
		return sampleSize
	}
	return readOthers
}

func (u *session) readTwice(ctx context.Context, path, source string, limit int64) error {
	root := filepath.Join(u.layout.Mount, path)
	names, rest, err := listFiles(root, limit)
	if err != nil {
		return err
	}
	local, known := u.localSource(source)
	if known {
		theirs, _, err := listFiles(local, limit)
		if err != nil {
			return err
		}
		if err := sameNames(names, theirs); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		u.say("nothing to read in %s%s", short(root), andMore(rest))
		return nil
	}
	u.say("reading %s twice, %d files%s", short(root), len(names), andMore(rest))
	first, err := u.readPass(ctx, "first", root, names)
	if err != nil {
		return err
	}
	second, err := u.readPass(ctx, "second", root, names)
	if err != nil {
		return err
	}
	u.say("ratio         %.1f", first.took.Seconds()/max(second.took.Seconds(), 1e-9))
	if err := first.compare(second, "the second pass"); err != nil {
		return err
	}
	if !known {
		u.say("checksums     sha256 of %d files, equal in both passes", len(names))
		return nil
	}
	original, err := readAll(ctx, local, names, func(int64) {})
	if err != nil {
		return err
	}
	if err := first.compare(original, "the source"); err != nil {
		return err
	}
	u.say("checksums     sha256 of %d files, equal to the source's in both passes", len(names))
	return nil
}

// sameNames names the first file that the mount or its source has alone. Both are sorted.
func sameNames(mount, source []string) error {
	for i := range max(len(mount), len(source)) {
		switch {
		case i == len(mount) || i < len(source) && source[i] < mount[i]:
			return fmt.Errorf("%s: not in the mount", source[i])
		case i == len(source) || mount[i] < source[i]:
			return fmt.Errorf("%s: not in the source", mount[i])
		}
	}
	return nil
}

func andMore(rest int) string {
	if rest == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d more are left out, see --read)", rest)
}

// localSource is the folder that a mount shows, if it is one on this host.
func (u *session) localSource(uri string) (dir string, ok bool) {
	if u.sample != nil {
		return filepath.Join(u.layout.sample(), filepath.FromSlash(sampleRoot)), true
	}
	for _, scheme := range []string{"local://", "file://"} {
		uri = strings.TrimPrefix(uri, scheme)
	}
	if !filepath.IsAbs(uri) {
		return "", false
	}
	info, err := os.Stat(uri)
	return uri, err == nil && info.IsDir()
}

// readPass reads everything once and says how it went.
func (u *session) readPass(ctx context.Context, name, root string, names []string) (pass, error) {
	before := u.sourced(ctx)
	next := time.Now().Add(progressEvery)
	p, err := readAll(ctx, root, names, func(n int64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressEvery)
			u.say("              %s so far", formatSize(n))
		}
	})
	if err != nil {
		return p, err
	}
	after := u.settled(ctx, before, p)
	u.say("%-6s pass   %s in %.2fs, %s, %s", name, formatSize(p.bytes), p.took.Seconds(), formatRate(p.bytes, p.took), p.origin(after-before.source))
	return p, nil
}

// traffic is what was served so far.
type traffic struct {
	source int64 // bytes that came from the source
	cache  int64 // bytes that workers had
}

// sourced asks how much has come from the source: the sample's own server, or the workers, who report now and then.
func (u *session) sourced(ctx context.Context) traffic {
	if u.sample != nil {
		return traffic{source: u.sample.sent.Load()}
	}
	var t traffic
	workers, err := u.masters.Workers(ctx)
	if err != nil {
		return t
	}
	for _, w := range workers {
		t.source += w.FromUFS
		t.cache += w.FromCache
	}
	return t
}

// settled waits until the workers have reported what the pass has made them do, for a few reports at most.
func (u *session) settled(ctx context.Context, before traffic, p pass) int64 {
	after := u.sourced(ctx)
	if u.sample != nil {
		return after.source
	}
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end) && ctx.Err() == nil; after = u.sourced(ctx) {
		if after.source-before.source+after.cache-before.cache+max(p.kernel, 0) >= p.bytes {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return after.source
}

// origin says where the bytes of a pass came from, when so many were fetched from the source meanwhile.
func (p pass) origin(fetched int64) string {
	kernel := max(p.kernel, 0)
	fetched = min(max(fetched, 0), p.bytes-kernel)
	// Listings and the like are no bytes of files.
	if fetched*1000 < p.bytes {
		fetched = 0
	}
	rest := p.bytes - kernel - fetched
	cache := "the workers' cache"
	if p.kernel < 0 {
		cache = "the workers' cache or the kernel's"
	}
	var parts []string
	for _, part := range []struct {
		bytes int64
		from  string
	}{{fetched, "the source"}, {rest, cache}, {kernel, "the kernel's page cache"}} {
		switch {
		case part.bytes == p.bytes:
			return "all from " + part.from
		case part.bytes > 0:
			parts = append(parts, formatSize(part.bytes)+" from "+part.from)
		}
	}
	return strings.Join(parts, ", ")
}

// suggest says how to go on.
func (u *session) suggest() {
	command := invocation()
	dir := short(u.layout.Dir)
	options := ""
	if dir != defaultDir {
		options = " --dir " + dir
	}
	path := "/"
	if len(u.plan.Dataset) > 0 {
		path = u.plan.Dataset[0].AlluxioPath()
	}
	pod := u.plan.Pods[0].Name
	u.say("\nIt runs until Ctrl-C. In another terminal, try\n"+
		"  ls -lR %s\n"+
		"  GOOSEFS_CONF_DIR=%s %s fs ls -R %s\n"+
		"  kill -9 $(cat %s); sleep 2; %s get pod%s",
		short(filepath.Join(u.layout.Mount, path)), short(u.layout.conf()), command, path, short(u.layout.pid(pod)), command, options)
}

// invocation is how the user called this program.
func invocation() string {
	path, err := os.Executable()
	if err == nil && strings.Contains(path, "/go-build") {
		return "go run ." // the binary is in a folder that go run removes
	}
	return os.Args[0]
}
