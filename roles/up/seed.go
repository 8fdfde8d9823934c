package up

import (
	_ "embed"
	"strings"

	"goosefs/manifest"
)

// The manifests of the quick start: those of the seed, word for word.
var (
	//go:embed seed/dataset.yaml
	seedDataset string
	//go:embed seed/runtime.yaml
	seedRuntime string
)

// seedDocuments are the two, as if they had been given by -f.
func seedDocuments() ([]manifest.Document, []manifest.Warning, error) {
	return manifest.Parse("seed", strings.NewReader(seedDataset+"\n---\n"+seedRuntime))
}
