package metastore

import (
	"errors"
	"io/fs"
	"math"
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
	ms, found := t.s.mu.ops.find(id)
	if !found || t.expired(ms) {
		return nil, nil, false
	}
	raw := t.get(opKey(ms, id))
	if raw == nil {
		panic(&Damage{What: "an operation without record"})
	}
	var r metapb.OpRecord
	unmarshal(raw, &r)
	switch {
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
	var record []byte
	if err != nil {
		record = marshal(&metapb.OpRecord{Kind: c.name(), Error: errorRecord(err)})
	} else {
		record = encodeOp(c.name(), result)
	}
	// An expired record of the same id may still be here, behind others.
	if ms, found := t.s.mu.ops.find(id); found {
		t.forgetOp(ms, id)
	}
	t.add(opKey(t.header.Time, id), record)
	t.s.mu.ops.add(t.header.Time, id)
}

// forgetOps forgets the oldest operations that have expired. It begins where the
// oldest may be: before that lie marks of those that were forgotten since the
// last flush, tens of thousands when much is done.
func (t *tree) forgetOps() {
	if !t.expired(t.s.mu.ops.oldest) {
		return
	}
	left := forgetLimit
	for key := range t.scan(string(rune(ops)), opsFrom(t.s.mu.ops.oldest)) {
		ms, id := splitOpKey(key)
		if left == 0 || !t.expired(ms) {
			t.s.mu.ops.oldest = ms
			return
		}
		left--
		t.forgetOp(ms, id)
	}
	t.s.mu.ops.oldest = math.MaxInt64
}

func (t *tree) forgetOp(ms int64, id OpID) {
	t.put(opKey(ms, id), nil)
	t.s.mu.ops.remove(ms, id)
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
