package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Limits on what a document may be. Manifests of people have a few dozen nodes.
const (
	maxFile      = 1 << 20
	maxDepth     = 50
	maxNodes     = 20_000 // with aliases expanded
	maxDocuments = 100
)

// inspect checks a document for what no field may have: depth, aliases that
// multiply, keys given twice. What it lets pass can be walked without care.
func (d *decoder) inspect(root *yaml.Node) {
	nodes := 0
	var walk func(n *yaml.Node, depth int) bool
	walk = func(n *yaml.Node, depth int) bool {
		nodes++
		switch {
		case nodes > maxNodes:
			d.refuse(n, "", "", fmt.Sprintf("more than %d values once aliases are expanded; write less, or without aliases", maxNodes))
			return false
		case depth > maxDepth:
			d.refuse(n, "", "", fmt.Sprintf("nested more than %d deep, or an alias within itself; no manifest needs that", maxDepth))
			return false
		}
		if n.Kind == yaml.AliasNode {
			return walk(n.Alias, depth+1)
		}
		if n.Kind == yaml.MappingNode {
			d.duplicates(n)
		}
		for _, child := range n.Content {
			if !walk(child, depth+1) {
				return false
			}
		}
		return true
	}
	walk(root, 0)
}

// duplicates refuses keys that one mapping has twice, each mapping once however
// often aliases lead to it.
func (d *decoder) duplicates(mapping *yaml.Node) {
	if d.seen[mapping] {
		return
	}
	d.seen[mapping] = true
	lines := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if line, ok := lines[key.Value]; ok && key.Kind == yaml.ScalarNode {
			d.refuse(key, key.Value, "", fmt.Sprintf("already given in line %d; keep one", line))
		}
		lines[key.Value] = key.Line
	}
}
