package up

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// writeTable writes rows as kubectl does: three spaces between columns, nothing behind the last.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// formatSize writes bytes as the dataset's line has them: 0.00B, 1.92GiB.
func formatSize(n int64) string {
	size, unit := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for size >= 1024 && unit+1 < len(units) {
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.2f%s", size, units[unit])
}

// formatPercent writes the share of a in b; an empty dataset has nothing cached. What is cached takes a little more on
// disk than it is long, and may be of files that changed since: all of it is 100 %.
func formatPercent(a, b int64) string {
	a = min(a, b)
	if b == 0 {
		return "0.0%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(a)/float64(b))
}

// formatAge writes a time span as kubectl does: 84s, 4m4s, 15m, 3h5m, 2d3h.
func formatAge(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	m, h, days := s/60, s/3600, s/86400
	two := func(a int, ua string, b int, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, ua)
		}
		return fmt.Sprintf("%d%s%d%s", a, ua, b, ub)
	}
	switch {
	case s < 120:
		return fmt.Sprintf("%ds", s)
	case m < 10:
		return two(m, "m", s%60, "s")
	case h < 3:
		return fmt.Sprintf("%dm", m)
	case h < 8:
		return two(h, "h", m%60, "m")
	case h < 48:
		return fmt.Sprintf("%dh", h)
	case days < 8:
		return two(days, "d", h%24, "h")
	}
	return fmt.Sprintf("%dd", days)
}

// formatRate writes bytes per time in MB/s, of 10^6 bytes.
func formatRate(n int64, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f MB/s", float64(n)/1e6/d.Seconds())
}
