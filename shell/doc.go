// Package shell is what users type: goosefs fs, fsadmin, getConf and version, in the words and formats of GooseFS 1.x.
//
// Each command is a [verb] in a file of its own, named after it: its flags, its help, and one function that gets a
// [session] and returns an error. verb.go turns verbs into urfave/cli commands and keeps what they all share:
//
//   - flags may stand anywhere among the arguments, with one dash or two ([ReorderFlags]), and -h is a flag like any
//     other: help is --help;
//   - standard output is buffered and holds results only; everything else goes to standard error;
//   - a failed command says why in one line and exits with 255, as GooseFS does (fs test with 1, an interrupted one with
//     130, one whose reader went away with 141 and no word);
//   - a wrong command line is answered with the nearest right word and the command's usage.
//
// A command sees the cluster through the interface [cluster], which *client.FS satisfies. Commands that work on many
// files go on after a failure, report each one, and fail at the end.
//
// Lines that scripts parse are printed with the printf formats of GooseFS. A path is printed as it is, except on a
// terminal, where one with control characters in it is printed quoted.
package shell
