package master

import (
	"fmt"
	"testing"
)

// Who listens hears everything from then on, until it leaves, is too slow, or leadership ends.
func TestHub(t *testing.T) {
	h := newHub()
	h.publish([]string{"/before"})
	a, b, slow := h.join(), h.join(), h.join()
	h.publish([]string{"/x", "/"})
	h.publish(nil)
	h.leave(b)
	h.leave(b)
	for i := range listenerQueue {
		<-a.paths
		h.publish([]string{fmt.Sprint(i)})
	}
	if got := <-a.paths; fmt.Sprint(got) != fmt.Sprintf("[%d]", listenerQueue-1) {
		t.Errorf("hears %v last", got)
	}
	if got, ok := <-b.paths; !ok || fmt.Sprint(got) != "[/x /]" {
		t.Errorf("heard %v before it left", got)
	}
	if _, ok := <-b.paths; ok {
		t.Error("hears more after it left")
	}
	n := 0
	for range slow.paths { // ends: it was dropped
		n++
	}
	if n != listenerQueue {
		t.Errorf("the slow one heard %d", n)
	}
	h.reset()
	if _, ok := <-a.paths; ok || len(h.mu.listeners) != 0 {
		t.Error("somebody listens after the end")
	}
}
