package manifest

import (
	"errors"
	"fmt"
)

// Bind picks the one Dataset among the documents and the Runtime of its name and
// namespace. A Dataset alone gets DefaultRuntime, with a warning.
func Bind(docs []Document) (Dataset, Runtime, []Warning, error) {
	var datasets, runtimes []Document
	for _, doc := range docs {
		switch {
		case doc.Dataset != nil:
			datasets = append(datasets, doc)
		case doc.Runtime != nil:
			runtimes = append(runtimes, doc)
		}
	}
	switch {
	case len(datasets) == 0 && len(runtimes) == 0:
		return Dataset{}, Runtime{}, nil, &Error{File: "manifest", Reason: "no Dataset in it; write one, with kind: Dataset and spec.mounts"}
	case len(datasets) == 0:
		rt := runtimes[0]
		return Dataset{}, Runtime{}, nil, rt.errorf("GooseFSRuntime %s has no Dataset; add one with metadata.name: %s", rt.Runtime.Name, rt.Runtime.Name)
	case len(datasets) > 1:
		a, b := datasets[0], datasets[1]
		return Dataset{}, Runtime{}, nil, b.errorf("Dataset %s is the second one, after %s in %s; a cluster has one, with several mounts if need be", b.Dataset.Name, a.Dataset.Name, place(a.File, a.Line, 0))
	}
	ds := datasets[0]
	rt, err := pair(ds, runtimes)
	if err != nil {
		return Dataset{}, Runtime{}, nil, err
	}
	if rt == nil {
		def := DefaultRuntime(ds.Dataset.Name)
		def.Namespace = ds.Dataset.Namespace
		w := Warning{ds.File, ds.Line, fmt.Sprintf("Dataset %s has no GooseFSRuntime; it gets 3 masters and 3 workers with 2 GiB each", ds.Dataset.Name)}
		return *ds.Dataset, def, []Warning{w}, nil
	}
	return *ds.Dataset, *rt, nil, nil
}

// pair finds the Runtime of a Dataset, nil when there are no Runtimes at all. One
// that belongs to nothing is refused: its name is likely a slip.
func pair(ds Document, runtimes []Document) (*Runtime, error) {
	var found *Document
	var errs []error
	for _, rt := range runtimes {
		same := rt.Runtime.Name == ds.Dataset.Name && rt.Runtime.Namespace == ds.Dataset.Namespace
		switch {
		case same && found == nil:
			found = &rt
		case same:
			errs = append(errs, rt.errorf("GooseFSRuntime %s is the second one of this name, after %s; keep one", rt.Runtime.Name, place(found.File, found.Line, 0)))
		default:
			errs = append(errs, rt.errorf("GooseFSRuntime %s/%s is not that of Dataset %s/%s in %s; give both the same name and namespace",
				rt.Runtime.Namespace, rt.Runtime.Name, ds.Dataset.Namespace, ds.Dataset.Name, place(ds.File, ds.Line, 0)))
		}
	}
	if found == nil {
		return nil, errors.Join(errs...)
	}
	return found.Runtime, errors.Join(errs...)
}

func (doc Document) errorf(format string, args ...any) error {
	return &Error{File: doc.File, Line: doc.Line, Reason: fmt.Sprintf(format, args...)}
}
