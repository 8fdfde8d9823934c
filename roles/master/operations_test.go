package master

import (
	"errors"
	"testing"
	"time"

	"goosefs/metastore"
)

func TestOperationOf(t *testing.T) {
	id := metastore.OpID{1, 2, 3, 15: 9}
	for _, c := range []struct {
		what    string
		command []byte
		want    metastore.OpID
		ok      bool
	}{
		{"with an id", metastore.Delete{Header: metastore.Header{OpID: id, Time: 5, User: "u"}, Path: "/a"}.Encode(), id, true},
		{"without", metastore.Delete{Header: metastore.Header{Time: 5}, Path: "/a"}.Encode(), metastore.OpID{}, false},
		{"cut short", metastore.Reap{Header: metastore.Header{OpID: id}}.Encode()[:9], metastore.OpID{}, false},
		{"noise", []byte{0xff, 0xff}, metastore.OpID{}, false},
		{"empty", nil, metastore.OpID{}, false},
	} {
		if got, ok := operationOf(c.command); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %v, %v", c.what, got, ok)
		}
	}
}

// Operations are known for a little less than ten minutes, however many come between, and then forgotten.
func TestOperationsAreForgotten(t *testing.T) {
	o, now := newOperations(), time.Now()
	a, b := metastore.OpID{1}, metastore.OpID{2}
	o.note(a, now)
	if !o.applied(a, now) || o.applied(b, now) || o.applied(metastore.OpID{}, now) {
		t.Error("not the one that was noted")
	}
	why := errors.New("denied")
	o.refuse(a, why, now)
	o.refuse(metastore.OpID{}, why, now)
	if !o.applied(a, now) || o.outcome(a).refused != why || o.outcome(metastore.OpID{}).refused != nil {
		t.Error("not refused")
	}
	now = now.Add(rememberFor)
	o.note(b, now)
	if !o.applied(a, now) || !o.applied(b, now) {
		t.Error("forgotten early")
	}
	now = now.Add(time.Second)
	if o.applied(a, now) {
		t.Error("known for too long")
	}
	now = now.Add(rememberFor + time.Second)
	o.note(metastore.OpID{3}, now)
	now = now.Add(rememberFor + time.Second)
	o.note(metastore.OpID{4}, now)
	if len(o.mu.recent)+len(o.mu.older) != 2 {
		t.Errorf("%d operations are kept", len(o.mu.recent)+len(o.mu.older))
	}
}
