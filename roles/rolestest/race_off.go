//go:build !race

package rolestest

// slowness is how much slower everything is than usual.
const slowness = 1
