package master

import "sync"

// hub tells mounts which paths changed.
type hub struct {
	mu struct {
		sync.Mutex
		listeners map[*listener]bool
	}
}

// listener is one mount's stream. A listener that is too slow is dropped: its stream ends, and the mount forgets all.
type listener struct {
	paths chan []string // closed when dropped
}

const listenerQueue = 1024

func newHub() *hub {
	h := &hub{}
	h.mu.listeners = make(map[*listener]bool)
	return h
}

func (h *hub) join() *listener {
	l := &listener{paths: make(chan []string, listenerQueue)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.listeners[l] = true
	return l
}

func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropLocked(l)
}

func (h *hub) dropLocked(l *listener) {
	if h.mu.listeners[l] {
		delete(h.mu.listeners, l)
		close(l.paths)
	}
}

func (h *hub) publish(paths []string) {
	if len(paths) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.mu.listeners {
		select {
		case l.paths <- paths:
		default:
			h.dropLocked(l)
		}
	}
}

// reset drops all listeners: this master leads no more, or anew.
func (h *hub) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.mu.listeners {
		h.dropLocked(l)
	}
}
