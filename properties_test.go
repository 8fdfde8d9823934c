package main

import (
	"os"
	"path"
	"strings"
	"testing"

	"goosefs/conf"
)

// TestEveryPropertyIsRead: a property that no code reads is a promise that nobody keeps. Either something reads it, or
// its row says that it has no effect.
func TestEveryPropertyIsRead(t *testing.T) {
	var code strings.Builder
	for file := range sources(t) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(path.Base(file), "table_") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	read := code.String()
	for _, p := range conf.Table() {
		if p.Ignored == "" && !p.Template && !strings.Contains(read, `"`+p.Name+`"`) && !byPrefix(p.Name) {
			t.Errorf("%s is in the table, and nothing reads it: read it, or give its row a reason to be ignored", p.Name)
		}
	}
}

// byPrefix says of a property that it is read with all others that begin alike: the options of under file systems, and
// tiers by their number. Folders and the size of the RAM disk are there for others to refer to.
func byPrefix(name string) bool {
	for _, prefix := range []string{"goosefs.underfs.", "goosefs.worker.tieredstore.level", "goosefs.worker.ramdisk.size", "goosefs.home", "goosefs.work.dir", "goosefs.conf.dir"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
