package shell

import (
	"fmt"
	"strconv"
)

// humanSize prints bytes as GooseFS does: in 1024s, staying in a unit up to five of the next.
func humanSize(bytes int64) string {
	const stay = 5 * 1024
	if bytes <= stay {
		return strconv.FormatInt(bytes, 10) + "B"
	}
	n := float64(bytes)
	for _, unit := range []string{"KB", "MB", "GB", "TB"} {
		if n /= 1024; n <= stay {
			return fmt.Sprintf("%.2f%s", n, unit)
		}
	}
	return fmt.Sprintf("%.2fPB", n/1024)
}

// size prints bytes for people or for programs.
func size(bytes int64, human bool) string {
	if human {
		return humanSize(bytes)
	}
	return strconv.FormatInt(bytes, 10)
}

// percent of a whole, rounded down so that only all is 100.
func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 100)
}

// commas groups a number's digits by thousands.
func commas(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
