package raftlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"syscall"
)

// The book of members (ids and addresses) is in the head of each segment as it was when the journal began, in the
// entries behind the mark, and, for what lay between, in the file MEMBERS: one line of JSON behind its checksum,
// written before the mark that lets the entries go. A crash in between leaves a book that is newer than the mark,
// which does no harm: the entries that are read again say the same.

// writtenBook is what the file holds.
type writtenBook struct {
	Version int      `json:"version"`
	Cluster uint64   `json:"cluster"`
	Member  uint64   `json:"member"`
	Journal string   `json:"journal"` // the folder that it belongs to
	Book    []Member `json:"book"`
}

const bookVersion = 1

// saveBook writes the file anew, whole or not at all.
func (j *journal) saveBook(book []Member) error {
	text, err := json.Marshal(writtenBook{bookVersion, j.head.Cluster, j.head.Member, filepath.Base(j.path), book})
	if err != nil {
		panic(err) // numbers and strings only
	}
	path := filepath.Join(j.dir, bookName)
	return replaceFile(path, sealed(text))
}

// sealed is a line that readBook takes.
func sealed(text []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli()), text)
}

// replaceFile gives a file other contents. After a crash it has the old ones or the new ones.
func replaceFile(path string, contents []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(contents); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// readBook returns what the file has, nothing if there is none yet for this journal.
func readBook(journal string, h header) ([]Member, error) {
	path := filepath.Join(filepath.Dir(journal), bookName)
	line, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !bytes.Equal(sealed(text), line) {
		return nil, damaged(path, 0, "its checksum is not that of its text")
	}
	var b writtenBook
	if err := json.Unmarshal(text, &b); err != nil || b.Version != bookVersion {
		return nil, refuse(path, syscall.EPROTONOSUPPORT, "version %d (%v): this program reads version %d", b.Version, err, bookVersion)
	}
	if b.Cluster != h.Cluster || b.Member != h.Member || b.Journal != filepath.Base(journal) {
		return nil, nil
	}
	return b.Book, nil
}

// joined is the book of the journal's head, brought up to that of the file.
func joined(head, later []Member) []Member {
	m := membership{book: head}
	for _, p := range later {
		m = m.with(memberChange{readdress, p})
	}
	return m.book
}
