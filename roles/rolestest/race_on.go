//go:build race

package rolestest

// slowness is how much slower everything is, because the race detector watches.
const slowness = 5
