package conf

import (
	"slices"
	"strings"
)

// Nearest returns the candidate that a mistyped name most likely means, "" when
// none is near: at most a third of the name, and at most four letters, may differ.
// Of equally near ones it is the first.
func Nearest(name string, candidates []string) string {
	best, distance := "", 1+max(1, min(4, len(name)/3))
	for _, candidate := range candidates {
		if d := editDistance(name, candidate, distance); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// nearest returns the full name that a mistyped one most likely means, "" when
// none is near.
func (s *schema) nearest(name string) string {
	// A template is a candidate with the number that the name has in it.
	digits := strings.IndexAny(name, "0123456789")
	if digits < 0 {
		return Nearest(name, s.names)
	}
	number := name[digits:]
	if end := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		number = number[:end]
	}
	candidates := slices.Clone(s.names)
	for _, t := range s.templates {
		if strings.Contains(t.Name, "{x}") {
			candidates = append(candidates, fillTemplate(t.Name, number))
		}
	}
	return Nearest(name, candidates)
}

// editDistance counts the insertions, deletions, changes and swaps of neighbours
// that lead from a to b. It may return limit early when the result is not below it.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
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
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
