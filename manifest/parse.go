package manifest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Document is one object of a file: either Dataset or Runtime is set.
type Document struct {
	File    string
	Line    int
	Dataset *Dataset
	Runtime *Runtime

	// idle are its fields without meaning on bare hosts.
	idle []idleField
}

// Parse reads the documents of one file, separated by --- lines. name is for
// messages.
func Parse(name string, r io.Reader) ([]Document, []Warning, error) {
	docs, warnings, err := parse(name, r)
	return docs, append(warnings, idleWarning(docs)...), err
}

// parse is Parse without the warning about fields without meaning, of which there
// is one for all files.
func parse(name string, r io.Reader) ([]Document, []Warning, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxFile {
		return nil, nil, &fs.PathError{Op: "read manifest", Path: name, Err: syscall.EFBIG}
	}
	if !utf8.Valid(data) {
		return nil, nil, &Error{File: name, Reason: "not UTF-8 text; save the file as UTF-8"}
	}
	d := &decoder{file: name, seen: map[*yaml.Node]bool{}}
	var docs []Document
	for y := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var root yaml.Node
		err := y.Decode(&root)
		switch {
		case err == io.EOF:
			return docs, d.warnings, d.err()
		case err != nil:
			return nil, nil, syntaxError(name, data, err)
		case len(docs) == maxDocuments:
			return nil, nil, &Error{File: name, Line: root.Line, Reason: fmt.Sprintf("more than %d documents; split the file", maxDocuments)}
		}
		if len(root.Content) > 0 && !isNull(root.Content[0]) {
			docs = append(docs, d.document(root.Content[0]))
		}
	}
}

// syntaxError explains why text is no YAML. A tab is by far the most frequent
// reason and the one that the reader's own message hides.
func syntaxError(name string, data []byte, err error) error {
	for i, line := range strings.Split(string(data), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if column := strings.IndexByte(indent, '\t'); column >= 0 {
			return &Error{File: name, Line: i + 1, Column: column + 1, Reason: "a tab in the indentation; write spaces"}
		}
	}
	return &Error{File: name, Reason: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
}

const (
	kindDataset = "Dataset"
	kindRuntime = "GooseFSRuntime"
)

// document decodes one object, whichever kind it is.
func (d *decoder) document(n *yaml.Node) Document {
	doc := Document{File: d.file, Line: n.Line}
	before := len(d.problems)
	if d.inspect(n); len(d.problems) > before {
		return doc
	}
	d.idle = nil
	if n.Kind != yaml.MappingNode {
		d.refuse(n, "", written(n), "not a manifest; write apiVersion, kind, metadata and spec")
		return doc
	}
	var apiVersion, kind string
	var meta metadata
	head := fields{
		"apiVersion": d.text(&apiVersion), "kind": d.text(&kind), "metadata": d.metadata(&meta),
		"spec": func(*yaml.Node, string) {}, "status": nil,
	}
	d.object(n, "", head)
	spec := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	if s := child(n, "spec"); s != nil && !isNull(s) {
		spec = s
	}
	if apiVersion != APIVersion {
		d.refuse(orNode(child(n, "apiVersion"), n), "apiVersion", short(apiVersion), "write "+APIVersion)
	}
	switch kind {
	case kindDataset:
		doc.Dataset = d.dataset(spec)
		doc.Dataset.Name, doc.Dataset.Namespace = meta.name, meta.namespace
	case kindRuntime:
		doc.Runtime = d.runtime(spec)
		doc.Runtime.Name, doc.Runtime.Namespace = meta.name, meta.namespace
	default:
		d.refuse(orNode(child(n, "kind"), n), "kind", short(kind), "write Dataset or GooseFSRuntime")
	}
	if meta.name == "" && !meta.refused {
		d.refuse(orNode(child(n, "metadata"), n), "metadata.name", "", "missing; write the name of the dataset, e.g. hbase")
	}
	doc.idle = d.idle
	return doc
}

// metadata is what is used of an object's metadata.
type metadata struct {
	name, namespace string
	refused         bool // the name is there, and wrong
}

const defaultNamespace = "default"

// label is a DNS label, since names of pods and hosts are made of it.
var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

func (d *decoder) metadata(into *metadata) field {
	into.namespace = defaultNamespace
	checked := func(s *string) field {
		return func(n *yaml.Node, at string) {
			before := len(d.problems)
			d.text(s)(n, at)
			if len(d.problems) == before && (len(*s) > 63 || !label.MatchString(*s)) {
				d.refuse(n, at, short(*s), "write at most 63 small letters, digits and dashes, with a letter or digit at both ends")
			}
		}
	}
	return func(n *yaml.Node, at string) {
		before := len(d.problems)
		known := fields{"name": checked(&into.name), "namespace": checked(&into.namespace)}
		for _, name := range []string{
			"labels", "annotations", "generateName", "finalizers", "ownerReferences", "creationTimestamp", "deletionTimestamp",
			"deletionGracePeriodSeconds", "resourceVersion", "uid", "generation", "managedFields", "selfLink",
		} {
			known[name] = nil
		}
		d.object(n, at, known)
		into.refused = len(d.problems) > before
	}
}

// child returns the value of a key, nil when there is none.
func child(mapping *yaml.Node, key string) *yaml.Node {
	mapping = resolve(mapping)
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return resolve(mapping.Content[i+1])
		}
	}
	return nil
}

func orNode(n, other *yaml.Node) *yaml.Node {
	if n == nil {
		return other
	}
	return n
}

// idleWarning is the one warning about fields that do nothing here.
func idleWarning(docs []Document) []Warning {
	var names []string
	for _, doc := range docs {
		slices.SortStableFunc(doc.idle, func(a, b idleField) int { return a.line - b.line })
		for _, f := range doc.idle {
			names = append(names, f.name+" ("+place(f.file, f.line, 0)+")")
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Warning{{Text: "fields that have no meaning on bare hosts: " + strings.Join(names, ", ")}}
}
