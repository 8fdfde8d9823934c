package metastore

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"goosefs/metastore/metapb"
)

// OpWindow is how long the result of an operation is remembered, in command
// time.
const OpWindow = 10 * time.Minute

// forgetLimit bounds what one command forgets. A command adds one operation at
// most, so any number above one keeps up.
const forgetLimit = 16

// recall returns the first result of the command's operation, if it is known.
func (t *tree) recall(c command) (result *Result, err error, known bool) {
	id := t.header.OpID
	if id == (OpID{}) || built == noOperationID {
		return nil, nil, false
	}
	raw := t.get(opKey(id))
	if raw == nil {
		return nil, nil, false
	}
	var r metapb.OpRecord
	unmarshal(raw, &r)
	switch {
	case t.expired(r.TimeMs):
		return nil, nil, false
	case r.Kind != c.name():
		return nil, errorf(c.name(), "", syscall.EINVAL, "Operation id %x was used for %s.", id, r.Kind), true
	case r.Error != nil:
		return nil, errorOf(r.Error), true
	}
	return resultOf(r.Result), nil, true
}

// remember keeps a command's result, and forgets some that are too old.
func (t *tree) remember(c command, result *Result, err error) {
	t.forgetOps()
	id := t.header.OpID
	if id == (OpID{}) {
		return
	}
	r := &metapb.OpRecord{TimeMs: t.header.Time, Kind: c.name()}
	if err != nil {
		r.Error = errorRecord(err)
	} else {
		r.Result = resultRecord(result)
	}
	// An expired record of the same id may still be here, behind others.
	if raw := t.get(opKey(id)); raw != nil {
		var old metapb.OpRecord
		unmarshal(raw, &old)
		t.put(opTimeKey(old.TimeMs, id), nil)
	}
	t.put(opKey(id), marshal(r))
	t.put(opTimeKey(r.TimeMs, id), []byte{1})
}

func (t *tree) forgetOps() {
	prefix := string(rune(opTimes))
	left := forgetLimit
	for key := range t.scan(prefix, prefix) {
		ms, id := splitOpTimeKey(key)
		if left == 0 || !t.expired(ms) {
			return
		}
		left--
		t.put(opKey(id), nil)
		t.put(key, nil)
	}
}

func (t *tree) expired(ms int64) bool {
	return t.header.Time-ms > OpWindow.Milliseconds()
}

func resultRecord(r *Result) *metapb.ResultRecord {
	record := &metapb.ResultRecord{Path: r.Path, Changed: r.Changed, Unreaped: r.Unreaped}
	if r.Inode.ID != 0 {
		record.ParentId, record.Name = r.Inode.ParentID, r.Inode.Name
		record.Inode = inodeRecord(&r.Inode)
	}
	if r.Mount.ID != 0 {
		record.Mount = mountRecord(r.Mount)
	}
	var before int64
	for _, id := range r.Removed {
		record.Removed = append(record.Removed, containerOf(id)-before)
		before = containerOf(id)
	}
	return record
}

func resultOf(record *metapb.ResultRecord) *Result {
	r := &Result{Path: record.Path, Changed: record.Changed, Unreaped: record.Unreaped}
	if record.Inode != nil {
		r.Inode = *inodeOf(record.ParentId, record.Name, record.Inode)
	}
	if record.Mount != nil {
		r.Mount = mountOf(record.Mount)
	}
	var container int64
	for _, more := range record.Removed {
		container += more
		r.Removed = append(r.Removed, idOf(container))
	}
	return r
}

func errorRecord(err error) *metapb.ErrorRecord {
	r := &metapb.ErrorRecord{Text: err.Error(), Errno: int32(syscall.EIO)}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		r.Op, r.Path = at.Op, at.Path
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		r.Errno = int32(errno)
	}
	return r
}

func errorOf(r *metapb.ErrorRecord) *Error {
	return &Error{
		Text: r.Text,
		Err:  &fs.PathError{Op: r.Op, Path: r.Path, Err: syscall.Errno(r.Errno)},
	}
}
