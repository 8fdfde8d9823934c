package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// markerName is a file in the journal's folder that says why this master must not serve again as it is.
const markerName = "OUT-OF-SERVICE"

// leaveService leaves the marker, and is the error to end with.
func (m *Master) leaveService(why string) error {
	path := filepath.Join(m.options.JournalDir, markerName)
	err := os.WriteFile(path, []byte(why+"\n"), 0o600)
	return errors.Join(outOfService(path, why), err)
}

// checkMarker refuses a folder with a marker.
func (m *Master) checkMarker() error {
	path := filepath.Join(m.options.JournalDir, markerName)
	why, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return outOfService(path, strings.TrimSpace(string(why)))
}

func outOfService(path, why string) error {
	return &fs.PathError{Op: "serve", Path: path, Err: &serviceError{why}}
}

// serviceError says why a master may not serve.
type serviceError struct{ why string }

func (e *serviceError) Error() string {
	return fmt.Sprintf("this master is out of service: %s. Run: goosefs fsadmin journal rejoin (empties its folders; it joins the other masters again)", e.why)
}

func (e *serviceError) Unwrap() error { return syscall.EBADMSG }
