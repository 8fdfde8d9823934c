package wiretest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var record = flag.String("record", "", "the folder that tools/clients has filled: conversations are recorded anew")

// TestRecord listens where clients look for a master and a worker, and writes down what passes between them and a cluster.
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("only with -record FOLDER")
	}
	for name, c := range conversations() {
		t.Run(name, func(t *testing.T) {
			python := filepath.Join(*record, cmp.Or(c.python, "python"), "bin", "python")
			version, err := exec.Command(python, "-c", "import goosefs; print(goosefs.__version__)").Output()
			must(t, err)
			r := &recorder{t: t, scene: newScene(t, c.scheme)}
			r.listen("master")
			r.listen("worker")
			out, err := exec.Command(python, "-c", c.prelude()+strings.ReplaceAll(c.program, "\n", "\n    ")).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r.servers.stop()
			r.write(filepath.Join("testdata", "recorded", name+".txt"), strings.TrimSpace(string(version)), c.program, string(out))
		})
	}
}

// recorder stands between a client and a scene.
type recorder struct {
	*scene
	t       *testing.T
	servers servers

	mu struct {
		sync.Mutex
		calls  int
		events []event
	}
}

type servers []*grpc.Server

func (s servers) stop() {
	for _, server := range s {
		server.Stop()
	}
}

func (r *recorder) note(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.events = append(r.mu.events, e)
}

func (r *recorder) listen(place string) {
	r.t.Helper()
	l, err := net.Listen("tcp", address(place))
	must(r.t, err)
	conn, err := wire.Dial(r.net.Host("client"), address(place))
	must(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	server := grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.MaxRecvMsgSize(wire.MaxRecv), grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(func(_ any, down grpc.ServerStream) error { return r.relay(place, conn, down) }))
	go server.Serve(l)
	r.servers = append(r.servers, server)
	r.t.Cleanup(server.Stop)
}

// relay passes one call on, and writes down what it sees.
func (r *recorder) relay(place string, conn *grpc.ClientConn, down grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(down)
	r.mu.Lock()
	r.mu.calls++
	n := r.mu.calls
	channel := metadata.ValueFromIncomingContext(down.Context(), "channel-id")
	r.mu.events = append(r.mu.events, event{call: n, verb: "call", place: place, method: method, channel: strings.Join(channel, " ")})
	r.mu.Unlock()
	ctx := metadata.NewOutgoingContext(down.Context(), metadata.MD{"channel-id": channel})
	up, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodecV2(raw{}))
	if err != nil {
		return err
	}
	go r.ask(n, down, up)
	err = r.answer(n, method, down, up)
	if errors.Is(down.Context().Err(), context.Canceled) {
		r.note(event{call: n, verb: "left"})
		return err
	}
	s := status.Convert(err)
	r.note(event{call: n, verb: "end", code: uint32(s.Code()), text: strings.ReplaceAll(s.Message(), r.root, "ROOT")})
	return err
}

// ask passes on what the client sends.
func (r *recorder) ask(n int, down grpc.ServerStream, up grpc.ClientStream) {
	for {
		var b []byte
		err := down.RecvMsg(&b)
		if err == io.EOF {
			r.note(event{call: n, verb: "half"})
			_ = up.CloseSend()
		}
		if err != nil {
			return
		}
		r.note(asked(n, b))
		if up.SendMsg(&b) != nil {
			return
		}
	}
}

// asked is a client's message in call n. What it writes is told by its place and length, if the message is just that.
func asked(n int, message []byte) event {
	var w pb.WriteRequest
	if len(message) > 1000 && proto.Unmarshal(message, &w) == nil {
		data := w.GetChunk().GetData()
		if at := bytes.Index(written(), data); at >= 0 && len(data) > 0 {
			if same, err := writeOf(int64(at), int64(len(data))); err == nil && bytes.Equal(same, message) {
				return event{call: n, verb: "chunk", offset: int64(at), length: int64(len(data))}
			}
		}
	}
	return event{call: n, verb: ">", message: message}
}

// answer passes on what the client is sent, until the end.
func (r *recorder) answer(n int, method string, down grpc.ServerStream, up grpc.ClientStream) error {
	var data []byte
	defer func() {
		if strings.HasSuffix(method, "/ReadBlock") && len(data) > 0 {
			r.note(event{call: n, verb: "data", length: int64(len(data)), sha: digest(data)})
		}
	}()
	header, err := up.Header()
	if err == nil {
		err = down.SendHeader(header)
	}
	for err == nil {
		var b []byte
		if err = up.RecvMsg(&b); err != nil {
			break
		}
		if strings.HasSuffix(method, "/ReadBlock") {
			var part pb.ReadResponse
			if err := proto.Unmarshal(b, &part); err != nil {
				return err
			}
			data = append(data, part.GetChunk().GetData()...)
		} else {
			r.note(event{call: n, verb: "<", message: b})
		}
		err = down.SendMsg(&b)
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (r *recorder) write(path, version, program, printed string) {
	r.t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "# The Python package goosefs %s. It runs:\n#%s\n# and prints:\n#\n%s\n", version,
		strings.ReplaceAll(strings.TrimRight(program, "\n"), "\n", "\n#     "), "#     "+strings.ReplaceAll(strings.TrimSpace(printed), "\n", "\n#     "))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.mu.events {
		fmt.Fprintln(&text, e)
	}
	must(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(r.t, os.WriteFile(path, []byte(text.String()), 0o644))
}
