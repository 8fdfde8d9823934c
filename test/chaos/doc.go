// Package chaos tells histories of three real masters to whom bad things happen, and checks each by package model.
//
// Each master is a process of the real program in a network namespace of its own; the clients, in the test's process,
// reach them from one more. While eight clients make, read, move and remove names, one kind of fault is injected:
// processes are killed or stopped, links are cut, lose packets or become slow (nftables, tc), disks refuse, stall, fill
// up or lose power (strace, tmpfs, loop devices). Afterwards everything is healed. A history is good if
//
//   - what the clients were told is linearizable, with a last look at every name at its end;
//   - no master ended but by the fault, all of them come back, and leave in order when they are asked to;
//   - the three databases are sound, and their hashes equal;
//   - it says something: the fault happened, and enough was acknowledged meanwhile.
//
// Without flags a short share of the faults is told. For more:
//
//	make chaos DURATION=1h               all kinds of fault in turn; the result goes to docs/chaos.md
//	make failover KILLS=100              how long until the masters answer again when the leader was killed
//	go test ./test/chaos -args -faults 'pause.*' -for 5m -seed 42 -keep /tmp/red
//
// A history's seed decides which operations are asked and what is done to whom, and when; the moments themselves are the
// machine's. Red histories are drawn as HTML, beside the logs of their masters.
//
//	GOOSEFS_TEST_ALL=1           what this machine lacks makes a test fail instead of skipping it
//	GOOSEFS_TEST_BINARY=PATH     a program that is there already, instead of one built from this tree
package chaos
