package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// handshakeFor is how long a server may take to answer.
const handshakeFor = 30 * time.Second

var errMute = errors.New("the server did not answer")

// channel is a connection that authenticates. It has one session at a time, and whoever needs one while there is none
// waits for the same handshake.
type channel struct {
	login Login

	mu struct {
		sync.Mutex
		session *session
		opening *opening
	}
}

// opening is a handshake under way.
type opening struct {
	done    chan struct{} // closed when what follows is set
	session *session
	err     error
}

// session gives the channel's session; if there is none, it begins one.
func (c *channel) session(ctx context.Context, cc *grpc.ClientConn) (*session, error) {
	c.mu.Lock()
	if s := c.mu.session; s != nil {
		c.mu.Unlock()
		return s, nil
	}
	o := c.mu.opening
	if o == nil {
		o = &opening{done: make(chan struct{})}
		c.mu.opening = o
		go c.keep(o, cc)
	}
	c.mu.Unlock()
	select {
	case <-o.done:
		return o.session, o.err
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// drop has the next call begin another session.
func (c *channel) drop(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.session == s {
		c.mu.session = nil
	}
}

// keep begins a session, and watches its stream until that ends: with the server, the connection, or the channel.
func (c *channel) keep(o *opening, cc *grpc.ClientConn) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	late := time.AfterFunc(handshakeFor, func() { cancel(errMute) })
	s, stream, err := c.login.authenticate(ctx, cc)
	late.Stop()
	if err != nil && context.Cause(ctx) == errMute {
		err = status.Error(codes.Unavailable, errMute.Error())
	}
	c.mu.Lock()
	c.mu.session, c.mu.opening = s, nil
	c.mu.Unlock()
	o.session, o.err = s, err
	close(o.done)
	if err != nil || stream == nil {
		return
	}
	for err == nil {
		_, err = stream.Recv()
	}
	c.drop(s)
}
