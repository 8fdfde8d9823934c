// Package client speaks to a goosefs cluster: it finds the leading master, asks it for names and attributes, chooses a
// worker for each piece of a file, and reads. The mount (package fuse) and the commands (package shell) are its faces.
//
// An [FS] is one client. It knows the addresses of all masters, remembers which one led last, follows the hint of one
// that does not, and tries again for as long as [Config.RetryFor] while there is no leader; while nobody listens at any
// of the addresses, for as long as [Config.RefusedFor]. A leader that falls silent is given up when another master
// knows of a new one, and not before: it may just have much to do. Changes carry an operation id, so that a retried one
// happens once.
//
// A [File] is one open file: one version of it. Sequential reads are served from a window that is fetched ahead, others
// ask a worker for just what was asked; several threads on one file have a window each. A worker that fails is passed
// over for a while and the next one goes on at the byte where it was. If the source no longer has this version, reads
// fail with ESTALE, and the masters are made to look at the source again.
//
// Paths are absolute, with slashes. Errors carry operation, path and errno, and print GooseFS's words.
package client
