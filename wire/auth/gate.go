package auth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// channelKey is the metadata in which a call carries the id of its channel.
const channelKey = "channel-id"

// Options of a [Gate]. The zero value asks nobody who he is.
type Options struct {
	Scheme        Scheme
	Impersonation Impersonation
	Groups        *Groups // of users, for the rules about groups

	Open []string // full names of methods that need no session
	Lost []string // of methods that a client may call whose id is not known, as after a restart: nobody's, then

	Sessions  int           // streams at once, each of which holds some KiB; 32,768 by default
	Handshake time.Duration // how long a stream may say nothing at first; 30 s by default
	Log       *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Sessions = cmp.Or(o.Sessions, 32<<10)
	o.Handshake = cmp.Or(o.Handshake, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Gate keeps the sessions of a server's clients, and lets no call pass that is in none, unless the scheme is [NOSASL]. Then
// too it answers clients that authenticate, and knows their calls.
type Gate struct {
	pb.UnimplementedSaslAuthenticationServiceServer
	options    Options
	open, lost map[string]bool

	mu struct {
		sync.RWMutex
		sessions map[string]Identity // by channel id
		streams  int                 // whether they have a session yet or not
	}
}

// NewGate makes a gate for one server.
func NewGate(o Options) *Gate {
	g := &Gate{options: o.withDefaults(), open: make(map[string]bool), lost: make(map[string]bool)}
	g.mu.sessions = make(map[string]Identity)
	for _, method := range append([]string{pb.SaslAuthenticationService_Authenticate_FullMethodName}, o.Open...) {
		g.open[method] = true
	}
	for _, method := range o.Lost {
		g.lost[method] = true
	}
	return g
}

// Register makes the server answer clients that authenticate.
func (g *Gate) Register(s grpc.ServiceRegistrar) { pb.RegisterSaslAuthenticationServiceServer(s, g) }

// ServerOptions have the server's calls pass the gate. Handlers find who calls by [Of].
func (g *Gate) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			ctx, err := g.admit(ctx, info.FullMethod)
			if err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			ctx, err := g.admit(stream.Context(), info.FullMethod)
			if err != nil {
				return err
			}
			return handler(srv, admitted{stream, ctx})
		}),
	}
}

// admitted is a stream whose context says who opened it.
type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (a admitted) Context() context.Context { return a.ctx }

// admit finds out who makes a call, and refuses those of nobody that need somebody.
func (g *Gate) admit(ctx context.Context, method string) (context.Context, error) {
	var channel string
	if ids := metadata.ValueFromIncomingContext(ctx, channelKey); len(ids) > 0 {
		channel = ids[0]
	}
	if channel != "" {
		g.mu.RLock()
		id, known := g.mu.sessions[channel]
		g.mu.RUnlock()
		if known {
			return With(ctx, id), nil
		}
	}
	switch {
	case g.options.Scheme == NOSASL, g.open[method], g.lost[method] && channel != "":
		return ctx, nil
	case channel == "":
		return ctx, status.Error(codes.Unauthenticated, "Channel without id is not authenticated for "+method+": this server wants authentication, set goosefs.security.authentication.type=SIMPLE on the client")
	}
	return ctx, status.Error(codes.Unauthenticated, fmt.Sprintf("Channel %.128q is not authenticated for %s", channel, method))
}

// enter counts a stream in, unless there are too many.
func (g *Gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.streams >= g.options.Sessions {
		return status.Error(codes.ResourceExhausted, fmt.Sprintf("this server has %d sessions, and takes no more", g.mu.streams))
	}
	g.mu.streams++
	return nil
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.streams--
}

// begin begins a session. The id of another one that lasts cannot be taken.
func (g *Gate) begin(channel string, id Identity) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.mu.sessions[channel]; taken {
		return refuse("the client id %q is that of another session; every channel needs its own", channel)
	}
	g.mu.sessions[channel] = id
	return nil
}

func (g *Gate) end(channel string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.mu.sessions, channel)
}

// refuse is the status of a handshake that was no good.
func refuse(format string, args ...any) error {
	return status.Error(codes.Unauthenticated, "cannot authenticate: "+fmt.Sprintf(format, args...))
}
