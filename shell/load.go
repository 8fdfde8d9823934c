package shell

import (
	"context"
	"iter"

	"goosefs/client"
)

func loadVerb() verb {
	return verb{
		name: "load", args: "<path> ...",
		summary:  "have the workers fetch files, or all below a directory",
		about:    "Several files are fetched at a time. What fails is listed, and does not keep the others from being loaded.",
		examples: []string{"goosefs fs load /data", "goosefs fs load '/data/*.gz'"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			o, err := s.fresh(false)
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error { return load(ctx, s, path, o) })
		},
	}
}

func load(ctx context.Context, s *session, path string, o client.StatOptions) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	var total totals
	if s.watched { // a bar needs to know how long it is
		if total, err = s.count(ctx, path, o); err != nil {
			return err
		}
	}
	var loaded totals
	var failures []error
	m := s.startMeter("Loading "+shown(path), max(0, total.bytes-total.cached), inBytes)
	err = inParallel(ctx, files(tree(ctx, c, path, o), path),
		func(ctx context.Context, i client.Info) error {
			if i.Symlink != "" {
				return isLink("load", i)
			}
			if i.Percent >= 100 || i.Length == 0 {
				return nil
			}
			return loadFile(ctx, c, i, m.add)
		},
		func(i client.Info, err error) error {
			switch {
			case stops(err):
				return err
			case err != nil:
				failures = append(failures, err)
				return nil
			}
			loaded.add(i)
			if m != nil && s.toPerson {
				return nil // the bar tells enough
			}
			if i.Percent >= 100 || i.Length == 0 {
				return s.sayf("%s already in GooseFS fully\n", s.name(i.Path))
			}
			return s.sayf("%s loaded\n", s.name(i.Path))
		})
	m.stop(err == nil && len(failures) == 0)
	if m != nil && s.toPerson && err == nil && len(failures) == 0 {
		s.sayf("%s loaded\n", s.name(path))
	}
	s.reportAll(failures)
	switch {
	case err != nil:
		return err
	case len(failures) > 0:
		return faultf("load", path, errnoOf(failures[0]), "%s: %d of %d files failed to load", path, len(failures), int64(len(failures))+loaded.files)
	}
	return nil
}

// files leaves out directories, and links but for the one that was named.
func files(infos iter.Seq2[client.Info, error], named string) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) {
		for info, err := range infos {
			if err == nil && (info.Dir || info.Symlink != "" && info.Path != named) {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}
