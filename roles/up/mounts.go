package up

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"goosefs/client"
	"goosefs/manifest"
)

// mountStep is one change to the mount table, or the reason for none.
type mountStep struct {
	unmount, mount bool // in this order
	path, ufs      string
	options        client.MountOptions
	why            string // for the user
}

// masked is how masters show the value of a secret option.
const masked = "******"

// reconcile decides what makes the mount table that is into the one that is wanted. As with Fluid, the manifest says
// what there should be: a mount that it describes otherwise is made anew, and one that an earlier `up` made (ours) and
// that it no longer holds is taken away. Mounts made by hand stay.
func reconcile(have []client.MountPoint, want []manifest.Mount, ours []MountRecord) []mountStep {
	var steps []mountStep
	wanted := map[string]bool{}
	for _, m := range want {
		at := m.AlluxioPath()
		wanted[at] = true
		step := mountStep{path: at, ufs: m.MountPoint, options: client.MountOptions{ReadOnly: m.ReadOnly, Shared: m.Shared, Options: m.Options}}
		i := slices.IndexFunc(have, func(p client.MountPoint) bool { return p.Path == at })
		if i < 0 {
			step.mount, step.why = true, "mounted"
		} else if diff := difference(have[i], m, ours); diff != "" {
			step.unmount, step.mount, step.why = true, true, diff+": mounted anew, what was cached of it is dropped"
		} else {
			step.why = "mounted already"
		}
		steps = append(steps, step)
	}
	for _, old := range ours {
		there := slices.ContainsFunc(have, func(p client.MountPoint) bool { return p.Path == old.Path && sameUFS(withoutPassword(p.UFS), old.UFS) })
		if there && !wanted[old.Path] {
			steps = append(steps, mountStep{unmount: true, path: old.Path, ufs: old.UFS, why: "no longer in the manifest: unmounted"})
		}
	}
	// A mount below another goes before it and comes after it.
	slices.SortStableFunc(steps, func(a, b mountStep) int { return strings.Compare(a.path, b.path) })
	return steps
}

// difference tells how a mount differs from what is wanted, "" if it does not. Masters may show more than was asked for
// (a web directory is read-only in any case), so what is gone from the manifest is what an earlier one asked for.
func difference(have client.MountPoint, want manifest.Mount, ours []MountRecord) string {
	asked := MountRecord{ReadOnly: want.ReadOnly, Shared: want.Shared}
	if i := slices.IndexFunc(ours, func(m MountRecord) bool { return m.Path == have.Path }); i >= 0 {
		asked = ours[i]
	}
	switch {
	case !sameUFS(withoutPassword(have.UFS), withoutPassword(want.MountPoint)):
		return fmt.Sprintf("was %s", withoutPassword(have.UFS))
	case want.ReadOnly && !have.ReadOnly || asked.ReadOnly && !want.ReadOnly:
		return fmt.Sprintf("readOnly was %t", !want.ReadOnly)
	case want.Shared && !have.Shared || asked.Shared && !want.Shared:
		return fmt.Sprintf("shared was %t", !want.Shared)
	}
	for _, name := range sortedKeys(want.Options) {
		if v, ok := have.Options[name]; !ok || v != want.Options[name] && v != masked {
			return "option " + name + " changed"
		}
	}
	for _, name := range sortedKeys(asked.Options) {
		if _, ok := want.Options[name]; !ok {
			return "option " + name + " went"
		}
	}
	return ""
}

// union is the newer mounts and those of the older ones whose paths are others.
func union(older, newer []MountRecord) []MountRecord {
	all := slices.Clone(newer)
	for _, o := range older {
		if !slices.ContainsFunc(newer, func(n MountRecord) bool { return n.Path == o.Path }) {
			all = append(all, o)
		}
	}
	return all
}

// sameUFS compares URIs; a slash at the end means nothing.
func sameUFS(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// perform carries the steps out.
func perform(ctx context.Context, c cluster, steps []mountStep, say func(format string, args ...any)) error {
	for _, s := range slices.Backward(steps) {
		if s.unmount {
			if err := c.Unmount(ctx, s.path); err != nil {
				return fmt.Errorf("unmount %s: %w", s.path, err)
			}
		}
	}
	for _, s := range steps {
		if s.mount {
			if err := mountAt(ctx, c, s); err != nil {
				return err
			}
		}
		say("%s -> %s: %s", s.path, withoutPassword(s.ufs), s.why)
	}
	return nil
}

// mountAt mounts, in a folder that it makes if need be. That it exists already means that an attempt whose answer was lost has done it.
func mountAt(ctx context.Context, c cluster, s mountStep) error {
	if err := c.Mkdir(ctx, path.Dir(s.path), client.MkdirOptions{Recursive: true, AllowExists: true}); err != nil {
		return fmt.Errorf("make the folder of mount %s: %w", s.path, err)
	}
	err := c.Mount(ctx, s.path, s.ufs, s.options)
	if err == nil {
		return nil
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok && errno == syscall.EEXIST {
		have, listErr := c.Mounts(ctx)
		if listErr == nil && slices.ContainsFunc(have, func(p client.MountPoint) bool { return p.Path == s.path && sameUFS(p.UFS, s.ufs) }) {
			return nil
		}
	}
	return fmt.Errorf("mount %s: %w", s.path, err)
}

// count walks the tree below root and adds up its files. With sync, every folder is compared with the source first, so
// that the masters know it all from then on. progress is called for each file.
func count(ctx context.Context, c cluster, root string, sync bool, progress func(files int64)) (files, bytes int64, err error) {
	for pending := []string{root}; len(pending) > 0; {
		dir := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for info, err := range c.List(ctx, dir, client.StatOptions{Sync: sync}) {
			if err != nil {
				return files, bytes, err
			}
			if info.Dir {
				pending = append(pending, info.Path)
				continue
			}
			files++
			bytes += info.Length
			progress(files)
		}
	}
	return files, bytes, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
