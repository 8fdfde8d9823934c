package metastore

import (
	"maps"
	"slices"
	"syscall"

	"goosefs/metastore/metapb"
)

// SetNamespace changes what is given of a namespace, and leaves the rest. Its
// Result has the Mount and the Inode of the mount point.
type SetNamespace struct {
	Header
	Name          string
	ReadOnly      *bool
	Shared        *bool
	SetOptions    map[string]string
	RemoveOptions []string // names that are not there are no error
	Secrets       []string // names of options set here whose values are not to be shown

	Write *WritePolicy
	Read  *ReadPolicy
	// TTL in ms, 0 for ever. A new TTL or Action is of all files: those that were
	// freed are freed again.
	TTL    *int64
	Action *TTLAction

	Owner *string
	Group *string
	Mode  *uint32

	// FreedUntil is refused with ESTALE unless the namespace's Policy was the one
	// with this TTL and the Action Free: files were freed for that.
	FreedUntil *int64
}

// Encode is the command as the log holds it.
func (c SetNamespace) Encode() []byte { return encode(c) }

func (c SetNamespace) name() string { return "setnamespace" }

func (c SetNamespace) fill(m *metapb.Command) {
	m.Body = &metapb.Command_SetNamespace{SetNamespace: &metapb.SetNamespace{
		Name: c.Name, ReadOnly: c.ReadOnly, Shared: c.Shared,
		SetOptions: optionPairs(c.SetOptions), RemoveOptions: c.RemoveOptions, Secrets: c.Secrets,
		WritePolicy: convertedTo[metapb.WritePolicy](c.Write), ReadPolicy: convertedTo[metapb.ReadPolicy](c.Read),
		TtlMs: c.TTL, TtlAction: convertedTo[metapb.TTLAction](c.Action),
		Owner: c.Owner, Group: c.Group, Mode: c.Mode, FreedUntil: c.FreedUntil,
	}}
}

func setNamespaceOf(h Header, m *metapb.SetNamespace) SetNamespace {
	c := SetNamespace{
		Header: h, Name: m.Name, ReadOnly: m.ReadOnly, Shared: m.Shared, RemoveOptions: m.RemoveOptions, Secrets: m.Secrets,
		Write: convertedTo[WritePolicy](m.WritePolicy), Read: convertedTo[ReadPolicy](m.ReadPolicy),
		TTL: m.TtlMs, Action: convertedTo[TTLAction](m.TtlAction),
		Owner: m.Owner, Group: m.Group, Mode: m.Mode, FreedUntil: m.FreedUntil,
	}
	if len(m.SetOptions) > 0 {
		c.SetOptions = optionsOf(m.SetOptions)
	}
	return c
}

// convertedTo is an optional enumerated value in the other of its two types. What
// does not fit becomes a value that is refused.
func convertedTo[To, From ~uint8 | ~int32](p *From) *To {
	if p == nil {
		return nil
	}
	v := int64(*p)
	if v < 0 || v > 255 {
		v = 255
	}
	to := To(v)
	return &to
}

func (c SetNamespace) apply(t *tree) (*Result, error) {
	f, m, err := t.existingNamespace(c.name(), c.Name)
	if err != nil {
		return nil, err
	}
	if c.FreedUntil != nil && (m.Policy.TTL == 0 || m.Policy.Action != ActionFree || c.TTL != nil && *c.TTL != m.Policy.TTL) {
		return nil, errorf(c.name(), m.Path, syscall.ESTALE, "The TTL of namespace %s was changed while its files were freed", c.Name)
	}
	changed := c.Changed(m)
	if err := policyAllowed(c.name(), changed); err != nil {
		return nil, err
	}
	t.setMount(changed)
	n := SetAttribute{Owner: c.Owner, Group: c.Group, Mode: c.Mode}.changed(f.inode)
	t.update(n)
	return &Result{Inode: *n, Path: f.path, Mount: changed}, nil
}

// Changed is the mount with the changes made, whether they are allowed or not.
func (c SetNamespace) Changed(m Mount) Mount {
	setIf(&m.ReadOnly, c.ReadOnly)
	setIf(&m.Shared, c.Shared)
	if len(c.SetOptions) > 0 || len(c.RemoveOptions) > 0 {
		options := make(map[string]string, len(m.Options)+len(c.SetOptions))
		maps.Copy(options, m.Options)
		maps.Copy(options, c.SetOptions)
		for _, name := range c.RemoveOptions {
			delete(options, name)
		}
		// What was secret stays so: a new value may be as secret as the old one.
		m.Options, m.Secrets = options, secretsAmong(options, slices.Concat(m.Secrets, c.Secrets))
	}
	setIf(&m.Policy.Write, c.Write)
	setIf(&m.Policy.Read, c.Read)
	before := m.Policy
	setIf(&m.Policy.TTL, c.TTL)
	setIf(&m.Policy.Action, c.Action)
	if m.Policy.TTL != before.TTL || m.Policy.Action != before.Action {
		m.Policy.FreedUntil = 0
	}
	setIf(&m.Policy.FreedUntil, c.FreedUntil)
	return m
}
