// Package leaks fails a package's tests if goroutines are left behind.
package leaks

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// ending is how long what is closed may take to end. gRPC gives a connection whose other end fell silent five seconds to
// write its last words.
const ending = 8 * time.Second

// Main runs a package's tests; call it in TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		err := goleak.Find()
		for end := time.Now().Add(ending); err != nil && time.Now().Before(end); {
			err = goleak.Find()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}
