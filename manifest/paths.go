package manifest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// ReadPaths reads the documents of files, of all *.yaml and *.yml files of
// folders (sorted by name, not below), and of stdin for "-". What is wrong with
// any of them is reported at once.
func ReadPaths(paths []string, stdin io.Reader) ([]Document, []Warning, error) {
	var docs []Document
	var warnings []Warning
	var errs []error
	add := func(name string, r io.Reader) {
		d, w, err := parse(name, r)
		docs, warnings, errs = append(docs, d...), append(warnings, w...), append(errs, err)
	}
	for _, p := range paths {
		if p == Stdin {
			add("standard input", stdin)
			continue
		}
		files, err := expand(p)
		errs = append(errs, err)
		for _, file := range files {
			f, err := os.Open(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			add(file, f)
			f.Close()
		}
	}
	return docs, append(warnings, idleWarning(docs)...), errors.Join(errs...)
}

// expand lists the files that a path stands for.
func expand(p string) ([]string, error) {
	info, err := os.Stat(p)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{p}, nil
	}
	entries, err := os.ReadDir(p)
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(p, e.Name()))
		}
	}
	if err == nil && len(files) == 0 {
		err = &Error{File: p, Reason: "a folder without .yaml or .yml files; name another, or a file"}
	}
	slices.Sort(files)
	return files, err
}
