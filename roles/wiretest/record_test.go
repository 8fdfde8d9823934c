package wiretest

import (
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

var record = flag.String("record", "", "a Python that has the package goosefs: conversations are recorded anew")

// conversations are what is recorded: a few lines of Python each, with fs, a client.
var conversations = map[string]string{
	"status": `
print(fs.get_status("/files/large").length, fs.get_status("/").folder, fs.exists("/files/none"))
print([s.length for s in fs.batch_get_status(["/files/small", "/files/empty"])])
`,
	"list": `
print(sorted(s.name for s in fs.list_status("/files")), sorted(s.path for s in fs.list_status("/tree", recursive=True)))
`,
	"read": `
for turn in range(2):
    print(len(fs.read_file("/files/large")), len(fs.read_file("/files/small")), len(fs.read_file("/files/empty")))
print(len(fs.read_range("/files/large", 1000000, 100000)))
`,
	"stream": `
with fs.open_file("/files/large") as f:
    print(len(f.read(70000)), f.seek(-10, 2), len(f.read(-1)), len(f.read_at(1048570, 100)))
`,
	"positioned": `
print(len(fs.positioned_read("/files/large", block_index=2, offset=100)), len(fs.positioned_read("/files/small", length=10)))
`,
	"changes": `
fs.mkdir("/made/here", recursive=True)
fs.rename("/files/small", "/made/here/moved")
print(fs.get_status("/made/here/moved").length, len(fs.read_file("/made/here/moved")))
fs.delete("/made", recursive=True)
fs.delete("/files/empty")
`,
	"errors": `
for attempt in (
    lambda: fs.get_status("/none"), lambda: fs.list_status("/none"), lambda: fs.read_file("/none"), lambda: fs.mkdir("/none/below"), lambda: fs.mkdir("/files/small"),
    lambda: fs.delete("/files"), lambda: fs.delete("/none"), lambda: fs.rename("/files/small", "/files/large"), lambda: fs.rename("/none", "/x"), lambda: fs.get_status("/../x"),
):
    try:
        attempt()
        print("done")
    except goosefs.exceptions.GoosefsError as e:
        print(type(e).__name__)
`,
}

const prelude = `import goosefs
config = goosefs.Config("` + sceneMaster + `", properties={"goosefs.security.authentication.type": "NOSASL"})
with goosefs.Goosefs(config) as fs:
`

// TestRecord listens where clients look for a master and a worker, and writes down what passes between them and a cluster.
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("only with -record PYTHON")
	}
	version, err := exec.Command(*record, "-c", "import goosefs; print(goosefs.__version__)").Output()
	must(t, err)
	for name, program := range conversations {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := &recorder{t: t, scene: s}
			r.listen("master")
			r.listen("worker")
			cmd := exec.Command(*record, "-c", prelude+strings.ReplaceAll(program, "\n", "\n    "))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r.servers.stop()
			r.write(filepath.Join("testdata", "recorded", name+".txt"), strings.TrimSpace(string(version)), program, string(out))
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
	r.mu.events = append(r.mu.events, event{call: n, verb: "call", place: place, method: method})
	r.mu.Unlock()
	ctx := down.Context()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"channel-id": md.Get("channel-id")})
	}
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
		r.note(event{call: n, verb: ">", message: b})
		if up.SendMsg(&b) != nil {
			return
		}
	}
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
