package master

import (
	"errors"
	"testing"
	"time"

	"goosefs/metastore"
)

// remembered stands in for a store: the times of the operations that it has applied.
type remembered map[metastore.OpID]int64

func (r remembered) Operation(id metastore.OpID) (ms int64, found bool) {
	ms, found = r[id]
	return ms, found
}

// Operations are known for a little less than the metastore knows them.
func TestOperationsAreForgotten(t *testing.T) {
	o, now := newOperations(), time.Now()
	a, b := metastore.OpID{1}, metastore.OpID{2}
	o.store = remembered{a: now.UnixMilli(), {}: now.UnixMilli()}
	if !o.applied(a, now) || o.applied(b, now) || o.applied(metastore.OpID{}, now) {
		t.Error("not the one that was applied")
	}
	if !o.applied(a, now.Add(rememberFor)) {
		t.Error("forgotten early")
	}
	if o.applied(a, now.Add(rememberFor+time.Second)) {
		t.Error("known for too long")
	}
}

// What was undone is remembered as long as it may be asked for, and not for ever.
func TestRefusals(t *testing.T) {
	o, now := newOperations(), time.Now()
	a, why := metastore.OpID{1}, errors.New("denied")
	o.refuse(a, why, now)
	o.refuse(metastore.OpID{}, why, now)
	if o.refusal(a) != why || o.refusal(metastore.OpID{}) != nil || o.refusal(metastore.OpID{2}) != nil {
		t.Error("not what was refused")
	}
	for i := range 3 {
		now = now.Add(metastore.OpWindow + time.Second)
		o.refuse(metastore.OpID{3, byte(i)}, why, now)
		if known := o.refusal(a) != nil; known != (i == 0) {
			t.Errorf("after %d windows: %t", i+1, known)
		}
	}
}
