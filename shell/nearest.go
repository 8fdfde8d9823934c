package shell

import "strings"

// nearest is the name that a mistyped one most likely means, "" when none is near. Case is no mistake worth a point.
func nearest(word string, names []string) string {
	best, distance := "", 2+len(word)/3
	for _, name := range names {
		if d := editDistance(strings.ToLower(word), strings.ToLower(name)); d < distance && d < max(len(word), len(name)) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete or change, and the neighbours to swap, on the way from a to b.
func editDistance(a, b string) int {
	var twoAbove []int
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := above[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
		twoAbove, above = above, row
	}
	return above[len(b)]
}
