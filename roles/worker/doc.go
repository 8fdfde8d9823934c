// Package worker is the worker process: cached bytes on local disks (package blockcache), and the under file systems
// that what is missing comes from (package ufs).
//
// A read names a block, and so a file id, and so one version of a file. What the cache has is served from it. What it
// has not is fetched: one flight per range, however many ask, teed to all of them while it is being kept. The pinned
// version comes from the masters ([sources]); a range that cannot be proven to be of it is never kept or served.
//
// The worker tells every master what it holds ([reporter]), and does what they order.
package worker
