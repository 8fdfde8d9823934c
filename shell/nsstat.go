package shell

import (
	"context"
	"fmt"
	"strings"

	"goosefs/client"
)

func nsStatVerb() verb {
	return verb{
		name: "stat", args: "<namespace>",
		summary:  "tell all of a namespace but its properties",
		examples: []string{"goosefs ns stat data"},
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			name, c, err := s.namespace()
			if err != nil {
				return err
			}
			n, err := c.StatNamespace(ctx, name)
			if err != nil {
				return err
			}
			return s.printf("%s\n", s.name(namespaceText(n)))
		},
	}
}

// namespaceText prints all of a namespace in GooseFS's order.
func namespaceText(n client.Namespace) string {
	var parts []string
	for _, f := range []struct {
		name  string
		value any
	}{
		{"name", n.Name},
		{"path", n.Dir.Path},
		{"ttlTime", ttlMillis(n)},
		{"ttlAction", n.Action},
		{"ufsPath", maskURI(n.Dir.UFSPath)},
		{"creationTimeMs", n.Dir.Created.UnixMilli()},
		{"lastModificationTimeMs", n.Dir.Modified.UnixMilli()},
		{"lastAccessTimeMs", n.Dir.Accessed.UnixMilli()},
		{"persistenceState", n.Dir.Persistence},
		{"mountPoint", n.Dir.MountPoint},
		{"mountId", n.Dir.MountID},
		{"acl", strings.Join(aclTexts(aclOf(n.Dir)), ",")},
		{"defaultAcl", strings.Join(aclTexts(n.Dir.DefaultACL), ",")},
		{"owner", n.Dir.Owner},
		{"group", n.Dir.Group},
		{"mode", n.Dir.Mode},
		{"writePolicy", orDash(n.Write)},
		{"readPolicy", orDash(n.Read)},
	} {
		parts = append(parts, fmt.Sprintf("%s=%v", f.name, f.value))
	}
	return "NamespaceStatus{" + strings.Join(parts, ", ") + "}"
}
