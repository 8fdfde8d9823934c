package metastore

import "goosefs/metastore/metapb"

// UpdateMount replaces a mount's settings, all of them but its Policy. Options
// that were secret still are. Its Result has the Mount.
type UpdateMount struct {
	Header
	Path     string
	ReadOnly bool
	Shared   bool
	Options  map[string]string
}

// Encode is the command as the log holds it.
func (c UpdateMount) Encode() []byte { return encode(c) }

func (c UpdateMount) name() string { return "updatemount" }

func (c UpdateMount) fill(m *metapb.Command) {
	m.Body = &metapb.Command_UpdateMount{UpdateMount: &metapb.UpdateMount{
		Path: c.Path, ReadOnly: c.ReadOnly, Shared: c.Shared, Options: optionPairs(c.Options),
	}}
}

func updateMountOf(h Header, m *metapb.UpdateMount) UpdateMount {
	return UpdateMount{Header: h, Path: m.Path, ReadOnly: m.ReadOnly, Shared: m.Shared,
		Options: optionsOf(m.Options)}
}

func (c UpdateMount) apply(t *tree) (*Result, error) {
	f, m, err := t.existingMount(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	m.ReadOnly, m.Shared, m.Options = c.ReadOnly, c.Shared, c.Options
	m.Secrets = secretsAmong(m.Options, m.Secrets)
	if err := policyAllowed(c.name(), m); err != nil {
		return nil, err
	}
	t.setMount(m)
	return &Result{Inode: *f.inode, Path: f.path, Mount: m}, nil
}
