package raftlog

// Faults are places where a simulation stands in for a disk that fails, a machine that stops, or a clock that does not
// run. Each may be nil; a master sets none.
type Faults struct {
	// Write is called on the journal goroutine for each batch. It calls write, which writes and syncs the batch, or
	// does not. An error, write's or its own, is taken as the disk's.
	Write func(write func() error) error
	// At is called between two steps of which the second may never happen, on the goroutine that does them. On the
	// journal goroutine (everywhere but at "checkpointed") a panic ends the log without another write.
	At func(point string)
	// Tick is called on the raft goroutine when its clock ticks, and keeps it until it returns. It says whether the tick
	// counts: a clock of which some do not is slow. An error ends the log.
	Tick func() (counts bool, err error)
	// Free is how many bytes are free on the disk, instead of what the disk says.
	Free func() int64
}

// Inject puts f into the way of the log that will be opened with c.
func (c *Config) Inject(f Faults) {
	c.hooks.write, c.hooks.crash, c.hooks.tick, c.hooks.free = f.Write, f.At, f.Tick, f.Free
}

// around does a write that a fault may prevent.
func (h hooks) around(write func() error) error {
	if h.write == nil {
		return write()
	}
	return h.write(write)
}
