package raftlog

// mutant is a mistake that a build tag of the same name puts into the package, so that the simulation in test/sim can
// show that it would notice.
type mutant int

const (
	none           mutant = iota
	leaseRead             // a leader answers reads by its clock, without asking the others
	noReadIndex           // a read does not wait for anything
	sameReadID            // all questions of ReadIndex have the same id
	ackBeforeSync         // what a write answers for is sent before it
	answerAtAppend        // a proposal is answered once the leader has it on its own disk
)
