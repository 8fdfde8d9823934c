package manifest

import (
	"path"

	"goosefs/conf"
)

// APIVersion is the only version of the two kinds.
const APIVersion = "data.fluid.io/v1alpha1"

// A Dataset says what is cached.
type Dataset struct {
	Name      string
	Namespace string // "default" when the file names none

	Mounts []Mount // at least one, no two at the same path

	// AccessModes are Kubernetes's words for who writes; [ReadOnlyMany] when the
	// file has none.
	AccessModes []string

	// Owner is who files appear to belong to, nil for whom the masters say.
	Owner *Owner
}

// ReadOnly says whether the file system is mounted read-only.
func (d Dataset) ReadOnly() bool {
	for _, mode := range d.AccessModes {
		if mode == readOnlyMany {
			return true
		}
	}
	return false
}

const readOnlyMany = "ReadOnlyMany"

// Owner is a user and a group.
type Owner struct {
	UID, GID    int
	User, Group string
}

// A Mount is one place of data, and where it appears.
type Mount struct {
	MountPoint string // a URI; whether anything can read its scheme is not known here
	Name       string
	Path       string // as written; see AlluxioPath
	ReadOnly   bool
	Shared     bool

	// Options are those of the mount over the shared ones of the Dataset. They
	// may hold secrets: show ShownOptions.
	Options map[string]string
}

// AlluxioPath is where the mount appears in the namespace: its path, if it has
// one, else its name below the root.
func (m Mount) AlluxioPath() string {
	if m.Path != "" {
		return path.Clean(m.Path)
	}
	return "/" + m.Name
}

// ShownOptions are the options with secrets masked, for people and logs.
func (m Mount) ShownOptions() map[string]string {
	shown := make(map[string]string, len(m.Options))
	for k, v := range m.Options {
		shown[k] = conf.Entry{Name: k, Value: v, Secret: conf.IsSecret(k)}.Shown()
	}
	return shown
}
