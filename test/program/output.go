package program

import (
	"bytes"
	"strings"
	"sync"
)

// Output is what a process has printed so far. Several goroutines may write and read it.
type Output struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.Write(p)
}

// String is all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.String()
}

// Tail is the last lines.
func (o *Output) Tail(n int) string { return LastLines(o.String(), n) }

// LastLines are the last n lines of a text.
func LastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
