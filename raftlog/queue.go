package raftlog

import "sync"

// queue hands items from any goroutine to one, in order. put never blocks: what bounds it is said where
// it is used.
type queue[T any] struct {
	more chan struct{} // holds a token when there may be items, or the queue was closed
	mu   struct {
		sync.Mutex
		items  []T
		closed bool
	}
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{more: make(chan struct{}, 1)}
}

// put adds an item. After close it is dropped.
func (q *queue[T]) put(item T) {
	q.mu.Lock()
	if !q.mu.closed {
		q.mu.items = append(q.mu.items, item)
	}
	q.mu.Unlock()
	q.wake()
}

// take returns what is there, perhaps nothing, without waiting.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.mu.items
	q.mu.items = nil
	return items
}

// wait returns what is there and waits for the first item. It returns nil when the queue is closed and
// empty.
func (q *queue[T]) wait() []T {
	for {
		q.mu.Lock()
		items, closed := q.mu.items, q.mu.closed
		q.mu.items = nil
		q.mu.Unlock()
		if len(items) > 0 || closed {
			return items
		}
		<-q.more
	}
}

// close lets wait return what is left, and then nil.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.mu.Unlock()
	q.wake()
}

func (q *queue[T]) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}
