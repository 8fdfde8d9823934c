// Package model says whether what clients saw of a namespace can be true.
//
// A [History] records what each client asked, when, and what it was told. [History.Check] asks porcupine whether there
// is one order of all of it, each operation between its call and its return, in which a small namespace that has no
// disks, no network and no second copy would have told the same. That is linearizability: no acknowledged change is
// lost, no change happens twice, nobody is told of a past that is over.
//
// # The model
//
// The names form trees below top directories, such as /t0/a/b below /t0. No operation reaches from one tree into
// another, so that each is checked by itself, and top directories are there from the beginning to the end. What a file
// is made with (its mode, its length) should differ from what others are made with, so that a read tells which change
// it saw.
//
// # What is not known
//
// A change whose outcome a client was not told ([Output.Unknown]) may have happened at any time after its call, or
// never. It stays open to the end of the history, and each one that does doubles the work: so a client that was left
// without an answer should pause, and a history should have few of them below one top directory ([History.Open]).
// A change that was refused for reasons other than the names ([Output.Refused]: a full disk, say) did not happen, and
// the model takes it at its word: if it did happen, somebody's later read is illegal.
//
// # Anti-vacuity
//
// The order is checked against a clock of the history's own that counts calls and returns, so nothing here depends on
// time. It is for who uses the package to see that a history is long enough to say something.
package model
