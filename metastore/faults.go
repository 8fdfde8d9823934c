package metastore

import "go.etcd.io/bbolt"

// Faults are places where a simulation stands in for a disk that fails or a
// machine that stops. A master sets none.
type Faults struct {
	// Commit is called for each transaction of a flush. It calls commit, which
	// writes and syncs, or does not; an error, commit's or its own, is taken as
	// the disk's.
	Commit func(commit func() error) error
}

// Inject puts f into the way of the store that will be opened with o.
func (o *Options) Inject(f Faults) {
	o.disk.commit = func(tx *bbolt.Tx) error { return f.Commit(tx.Commit) }
}
