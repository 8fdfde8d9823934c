package master

import (
	"context"

	"goosefs/metastore"
	"goosefs/ufs"
)

// sweepLeftovers removes, every so often, what writers that died left in under file systems: objects without a name of their
// own that nobody has written for as long. What belongs to a file that was removed in time is gone already.
func (m *Master) sweepLeftovers(t *term) {
	for pause(t.ctx, m.options.SweepEvery) {
		for _, mount := range m.store.Mounts() {
			if !mount.ReadOnly {
				m.sweepMount(t.ctx, mount)
			}
		}
	}
}

func (m *Master) sweepMount(ctx context.Context, mount metastore.Mount) {
	src, err := m.sources.of(mount)
	swept := 0
	if err == nil {
		err = src.callFor(ctx, listLimit, func(ctx context.Context, u ufs.UFS) (err error) {
			if s, ok := u.(ufs.Sweeper); ok {
				swept, err = s.Sweep(ctx, m.options.SweepEvery)
			}
			return err
		})
	}
	switch {
	case err != nil && ctx.Err() == nil:
		m.log.Warn("what writers left in an under file system is not swept", "mount", mount.Path, "err", err)
	case swept > 0:
		m.log.Info("what writers left in an under file system is removed", "mount", mount.Path, "objects", swept)
	}
}
