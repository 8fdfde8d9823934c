package write

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func randomBytes(seed uint64, n int64) []byte {
	b := make([]byte, n)
	chacha := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	chacha.Read(b)
	return b
}

// create begins a file.
func create(t testing.TB, f *client.FS, path string, o client.CreateOptions) *client.Writer {
	t.Helper()
	w, err := f.CreateFile(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// put writes a whole file, in pieces of odd sizes.
func put(t testing.TB, f *client.FS, path string, data []byte, o client.CreateOptions) {
	t.Helper()
	w := create(t, f, path, o)
	for piece := 7; len(data) > 0; piece = piece*5 + 1 {
		n, err := w.Write(data[:min(piece, len(data))])
		if err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// get reads a whole file.
func get(t testing.TB, f *client.FS, path string) ([]byte, error) {
	t.Helper()
	x, err := f.Open(t.Context(), path)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	data := make([]byte, x.Info().Length)
	n, err := x.ReadAt(t.Context(), data, 0)
	if errors.Is(err, io.EOF) && int64(n) == x.Info().Length {
		err = nil
	}
	return data[:n], err
}

// same checks that another client reads just these bytes.
func same(t testing.TB, f *client.FS, path string, want []byte) {
	t.Helper()
	got, err := get(t, f, path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes, of %d that were written; %v", path, len(got), len(want), err)
	}
}

// stat is what the masters know of a path.
func stat(t testing.TB, f *client.FS, path string) client.Info {
	t.Helper()
	info, err := f.Stat(t.Context(), path, client.StatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// gone checks that there is nothing at a path.
func gone(t testing.TB, f *client.FS, path string) {
	t.Helper()
	if _, err := f.Stat(t.Context(), path, client.StatOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is there: %v", path, err)
	}
}

// folder lists all files of the under file system, hidden ones too, by name below the root.
func folder(t testing.TB, c *rolestest.Cluster) (names []string) {
	t.Helper()
	err := filepath.WalkDir(c.Root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(p, c.Root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// inFolder checks that the under file system has just these bytes at a path.
func inFolder(t testing.TB, c *rolestest.Cluster, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(c.Root + path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the under file system has %d bytes of %s, %d were written; %v", len(got), path, len(want), err)
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(rolestest.Patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// wants checks an error's errno and words.
func wants(t testing.TB, err error, errno syscall.Errno, words string) {
	t.Helper()
	var got syscall.Errno
	if !errors.As(err, &got) || got != errno || !strings.Contains(err.Error(), words) {
		t.Fatalf("%v (%v), want %v and %q", err, got, errno, words)
	}
}

// worker is a bare connection to a worker.
func worker(t testing.TB, c *rolestest.Cluster, i int) pb.BlockWorkerClient {
	t.Helper()
	conn, err := wire.Dial(c.Net.Host("client"), fmt.Sprintf("%s:9203", rolestest.WorkerName(i)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pb.NewBlockWorkerClient(conn)
}

// stream begins a WriteBlock stream with a command.
func stream(t testing.TB, w pb.BlockWorkerClient, c *pb.WriteRequestCommand) grpc.BidiStreamingClient[pb.WriteRequest, pb.WriteResponse] {
	t.Helper()
	s, err := w.WriteBlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: c}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func chunk(data []byte) *pb.WriteRequest {
	return &pb.WriteRequest{Value: &pb.WriteRequest_Chunk{Chunk: &pb.Chunk{Data: data}}}
}

func command(c *pb.WriteRequestCommand) *pb.WriteRequest {
	return &pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: c}}
}
