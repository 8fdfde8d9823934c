package metastore

import "goosefs/metastore/metapb"

// Reap does nothing but what every command does besides: it removes some of what
// is left of large deleted trees. It is for a leader that has nothing else to
// propose while a Result says Unreaped.
type Reap struct{ Header }

// Encode is the command as the log holds it.
func (c Reap) Encode() []byte { return encode(c) }

func (c Reap) name() string { return "reap" }

func (c Reap) fill(m *metapb.Command) {
	m.Body = &metapb.Command_Reap{Reap: &metapb.Reap{}}
}

func (c Reap) apply(*tree) (*Result, error) { return &Result{}, nil }
