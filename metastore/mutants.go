package metastore

// mutant is a mistake that a build tag of the same name puts into the package,
// so that the simulation in test/sim can show that it would notice.
type mutant int

const (
	none            mutant = iota
	appliedLater           // the applied index follows the changes in a transaction of its own
	noOperationID          // an operation that is repeated is done again
	imageWithoutOps        // an image is restored without the operations that it remembers
)
