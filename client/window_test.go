package client

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// The transcripts in testdata/window are conversations with a window. Offsets and lengths are in KiB.
//
//	file length=K [ahead=K]   begins a new file
//	read [every=K]            one line for each read: OFF LEN [times N]; prints what it decides
func TestWindow(t *testing.T) {
	datadriven.Walk(t, "testdata/window", func(t *testing.T, path string) {
		var w window
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				var length, ahead int64 = 0, 16 << 10
				d.ScanArgs(t, "length", &length)
				if d.HasArg("ahead") {
					d.ScanArgs(t, "ahead", &ahead)
				}
				w = newWindow(length<<10, ahead<<10)
				return ""
			case "read":
				var out strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					var off, n, times int64
					if got, _ := fmt.Sscanf(line, "%d %d times %d", &off, &n, &times); got < 2 {
						d.Fatalf(t, "want OFF LEN [times N], not %q", line)
					}
					for range max(1, times) {
						fmt.Fprintf(&out, "%d+%d: %s\n", off, n, decision(w.read(off<<10, n<<10)))
						off += n
					}
				}
				return out.String()
			}
			d.Fatalf(t, "no such command: %s", d.Cmd)
			return ""
		})
	})
}

func decision(first, end, beyond int64) string {
	if end <= first {
		return "just these bytes"
	}
	if beyond == 0 {
		return fmt.Sprintf("pages %d-%d", first, end-1)
	}
	return fmt.Sprintf("pages %d-%d, %d ahead", first, end-1, beyond)
}

// Whatever is read, the window stays within the file and within its bounds.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 250, 4, 4, 4})
	f.Fuzz(func(t *testing.T, moves []byte) {
		const length = 40*pageSize + 17
		w := newWindow(length, 16*pageSize)
		var off int64
		for _, m := range moves {
			n := int64(m%16+1) * 32 << 10
			if m > 200 {
				off = int64(m) * 7919 << 10 % length
			}
			off = min(off, length-1)
			n = min(n, length-off)
			first, end, beyond := w.read(off, n)
			pages := int64(length+pageSize-1) / pageSize
			if first < 0 || end > pages || beyond > 16 || end-first > 17+beyond || len(w.runs) > runsKept {
				t.Fatalf("read %d+%d: pages %d-%d, %d ahead, %d runs", off, n, first, end, beyond, len(w.runs))
			}
			if end > first && (first > off/pageSize || end*pageSize < off+n && end < pages) {
				t.Fatalf("read %d+%d is not in pages %d-%d", off, n, first, end)
			}
			off += n
		}
	})
}
