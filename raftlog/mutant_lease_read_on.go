//go:build mutant_lease_read

package raftlog

const built = leaseRead
