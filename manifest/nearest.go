package manifest

import "strings"

// nearest returns the field that a mistyped name most likely means, "" when none
// is near.
func nearest(name string, known fields) string {
	best, distance := "", 1+max(1, len(name)/3)
	for candidate := range known {
		d := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if d < distance || d == distance && candidate < best {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and changes that lead from a to b.
func editDistance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := append(make([]int, 0, len(b)+1), i+1)
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			row = append(row, min(change, above[j+1]+1, row[j]+1))
		}
		above = row
	}
	return above[len(b)]
}
