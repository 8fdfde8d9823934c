// Package bench is `goosefs bench`: how many names a cluster of masters holds, how fast it changes and tells them, and
// what that costs.
//
// It measures a cluster as its users see it, through the client and the wire, and knows nothing of what is behind them.
// Two things it can only see of masters that it started itself, on this host: what they cost (memory, disk) and how
// long they are away when all are killed.
//
// # The story of a run
//
//	fill      files in directories, up to the first size of the curve
//	cost      memory and disk of each master
//	measure   for each number of clients: create, complete, stat, list, rename, delete … for some seconds each
//	list      `goosefs fs ls` of one large directory, as a process of its own
//	snapshot  the leader writes its namespace to a file
//	restart   all masters are killed and started: how long until they answer
//
// and again for the next size. Files that an earlier run left are kept and counted, so a curve can be continued.
//
// One operation is one call through the wire, answered. A client is a connection of its own that makes one call after
// the other. Latencies are what the client waited.
//
// # Files
//
// `goosefs bench files` (files*.go) knows no cluster at all: it reads files in a folder, or in two by turns, with the calls
// that programs use.
//
//	lay      a large file and many small ones, or find those that were laid
//	open     the folders: what is there, can it be written
//	run      drop or warm, then one trial in each folder; again, until all runs are done; then the next trial
//	close    remove what was laid
package bench
