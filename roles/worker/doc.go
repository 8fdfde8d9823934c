// Package worker is the worker process: cached bytes on local disks (package blockcache), and the under file systems
// that what is missing comes from (package ufs).
//
// A read names a block, and so a file id, and so one version of a file. What the cache has is served from it, and the
// masters are not asked for that. What it has not is fetched: one flight per range, however many ask. A flight's bytes
// go to all who wait for them as soon as the source has proven them to be of the pinned version, and into the cache
// beside that; a disk that is full or slow costs the copy, never the read. The pinned version comes from the masters
// ([sources]).
//
// How much one flight fetches is decided by [extent]; how much memory all of them may take, by [fills]: so many bytes
// being fetched, half of that for one mount; so many being kept; so many that the cache refused and that a reader may
// still come for.
//
// The worker tells every master what it holds ([reporter]), and does what they order.
package worker
