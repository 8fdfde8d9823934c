package web

import (
	"testing"

	"go.uber.org/goleak"
)

// No test may leave a goroutine behind: not a stalled read, not a parked transfer, not a HEAD of an abandoned listing.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
