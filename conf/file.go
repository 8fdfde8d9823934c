package conf

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// SiteFile is the name of the properties file in a configuration folder.
const SiteFile = "goosefs-site.properties"

// maxFile is the size of the largest properties file that is read.
const maxFile = 1 << 20

// candidate is a place where the properties file may be.
type candidate struct {
	path string
	// named is what the user set to name this very file; then it has to exist.
	named string
}

// candidates lists the places in the order in which they are tried.
func candidates(in Input) []candidate {
	if in.ConfDir != "" {
		return []candidate{{filepath.Join(in.ConfDir, SiteFile), "the chosen configuration folder"}}
	}
	var list []candidate
	if f := in.Env("GOOSEFS_CONFIG_FILE"); f != "" {
		list = append(list, candidate{f, "GOOSEFS_CONFIG_FILE"})
	}
	if d := in.Env("GOOSEFS_CONF_DIR"); d != "" {
		list = append(list, candidate{path: filepath.Join(d, SiteFile)})
	}
	if d := in.Env("GOOSEFS_HOME"); d != "" {
		list = append(list, candidate{path: filepath.Join(d, "conf", SiteFile)})
	}
	if d := in.Env("HOME"); d != "" {
		list = append(list, candidate{path: filepath.Join(d, ".goosefs", SiteFile)})
	}
	return append(list, candidate{path: filepath.Join(in.EtcDir, SiteFile)})
}

// readSite returns the pairs of the first properties file that exists, and its
// name, "" when there is none. A file that exists and cannot be read is an
// error: the next one in the order might be an old one.
func readSite(in Input) (path string, pairs []Pair, err error) {
	for _, c := range candidates(in) {
		data, err := readLimited(c.path)
		switch {
		case err == nil:
			pairs, err := ParseProperties(c.path, data)
			return c.path, pairs, err
		case isMissing(err) && c.named == "":
			continue
		case isMissing(err):
			reason := "no such file, though " + c.named + " names it; make it (it may be empty) or correct the name"
			return "", nil, &Error{Source: c.path, Reason: reason, errno: syscall.ENOENT}
		}
		return "", nil, err
	}
	return "", nil, nil
}

// exposed warns of a file that holds a secret and that everybody can read.
func exposed(s *schema, path string, pairs []Pair) []Warning {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return nil
	}
	for _, p := range pairs {
		if p.Value != "" && s.secret(p.Key) {
			return []Warning{{at(path, p.Line), p.Key, "a secret in a file that everybody can read; run: chmod 600 " + path}}
		}
	}
	return nil
}

// isMissing includes a path that leads through a file, as in /etc/passwd/conf.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = &fs.PathError{Op: "read properties", Path: path, Err: syscall.EFBIG}
	}
	return data, err
}
