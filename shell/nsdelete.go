package shell

import "context"

func nsDeleteVerb() verb {
	return verb{
		name: "delete", args: "<namespace>",
		summary:  "take a namespace away; the under file system keeps all it has",
		about:    "Files that are only cached are lost with it: goosefs fs persist brings them into the under file system.",
		examples: []string{"goosefs ns delete data"},
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			name, c, err := s.namespace()
			if err != nil {
				return err
			}
			if err := c.DeleteNamespace(ctx, name); err != nil {
				return err
			}
			return s.sayf("Delete the namespace: %s\n", s.name(name))
		},
	}
}
