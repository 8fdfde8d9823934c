// Package sim shows, by simulation, that three masters never lose a change that they acknowledged and never tell a lie.
//
// # One run
//
// A run is three masters in one process: a raftlog and a metastore each, joined as roles/master joins them. Time is that
// of a testing/synctest bubble, so a run of half a minute takes a fraction of a second. The network between the masters
// loses, delays, duplicates, reorders and partitions; machines stop, pause and have clocks that are slow or jump; disks
// are slow, fail, fill, lose what was not synced and tear what was being written.
//
// Model clients (client_test.go) make, complete, move, remove, change, look at and list a few names, and ask again, with
// the same operation id, when they got no answer. Everything that is decided follows from the seed: what happens is
// written down before the run begins (plan_test.go). What order goroutines run in at one instant does not follow from it,
// so a seed that fails may need to be run a few times.
//
// # What is checked
//
//   - porcupine finds the clients' history linearizable, by a small model of the namespace (model_test.go).
//   - All masters applied the same commands in the same order with the same results (oracle_test.go).
//   - Every acknowledged change is in that order and took effect once, with the result the client was told; what was
//     refused is not in it. Outcomes that clients do not know are looked up there, so none is left open.
//   - At the end, with all faults gone, masters agree: on the number of commands, on the hash of the state, and each
//     store is sound by its own check.
//   - Nothing is written to a disk that failed.
//   - A run in which too few faults happened, or too little was acknowledged, fails as well.
//
// # What would go unnoticed
//
// Mistakes that must be noticed are kept beside the code as build tags (raftlog/mutants.go, metastore/mutants.go), and
// TestMutants shows that each of them turns the simulation red.
//
// # Running it
//
//	go test ./test/sim                       a share of a minute
//	go test ./test/sim -run Seeds -seeds N   N seeds, on all processors
//	go test ./test/sim -run Seeds -seed S -v one seed, with its plan and everything that happened
package sim
