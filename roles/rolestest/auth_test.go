package rolestest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// simple is a cluster that wants to know who calls.
func simple(t *testing.T, masters, workers int) *Cluster {
	return Start(t, Options{Masters: masters, Workers: workers, Auth: auth.Options{Scheme: auth.SIMPLE}})
}

// One client goes on, as the same user, while every master and every worker is started anew.
func TestRestartsUnderSimple(t *testing.T) {
	c := simple(t, 3, 2)
	data := make([]byte, 3<<20+17)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(c.Root, "data"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	f := c.ClientOf("alice")
	use := func(dir string) {
		t.Helper()
		x, err := f.Open(t.Context(), "/data")
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		got := make([]byte, len(data))
		if n, err := x.ReadAt(t.Context(), got, 0); n != len(data) || err != nil || !bytes.Equal(got, data) {
			t.Fatalf("read %d of %d bytes, %v", n, len(data), err)
		}
		if err := f.Mkdir(t.Context(), dir, client.MkdirOptions{}); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat(t.Context(), dir, client.StatOptions{})
		if err != nil || info.Owner != "alice" {
			t.Fatalf("%s is %q's (%v)", dir, info.Owner, err)
		}
		n := 0
		for _, err := range f.List(t.Context(), "/", client.StatOptions{}) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n < 2 {
			t.Fatalf("/ has %d entries", n)
		}
	}
	use("/first")
	for i := range c.Workers {
		c.StopWorker(i)
		c.StartWorker(i)
	}
	use("/workers-anew")
	for i := range c.Masters {
		c.StopMaster(i)
		c.StartMaster(i)
		use("/master-anew-" + MasterName(i))
	}
	c.WaitForWorkers(2)
	use("/last")
}

// Who does not say who he is hears so at once, in every kind of call, and what to do about it.
func TestNoSASLClientOfASimpleCluster(t *testing.T) {
	c := simple(t, 1, 1)
	f, err := client.New(client.Config{Masters: c.Addresses(), Network: c.Net.Host("client"), RetryFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, stat := f.Stat(t.Context(), "/", client.StatOptions{})
	_, leader := f.Leader(t.Context())
	_, cluster := f.Cluster(t.Context())
	var list error
	for _, list = range f.List(t.Context(), "/", client.StatOptions{}) {
	}
	for call, err := range map[string]error{"stat": stat, "leader": leader, "cluster": cluster, "list": list, "mkdir": f.Mkdir(t.Context(), "/x", client.MkdirOptions{})} {
		if !errors.Is(err, syscall.ENOKEY) || !bytes.Contains([]byte(err.Error()), []byte("set goosefs.security.authentication.type=SIMPLE on the client")) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// In a cluster that asks nobody, who says something is believed, and who says nothing owns things as the master does.
func TestNoSASLCluster(t *testing.T) {
	c := Start(t, Options{Masters: 1, Workers: 1})
	f, err := client.New(client.Config{Masters: c.Addresses(), Network: c.Net.Host("client"), Login: auth.Login{Scheme: auth.SIMPLE, User: "alice"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for dir, x := range map[string]struct {
		*client.FS
		owner string
	}{"/hers": {f, "alice"}, "/its": {c.Client(), auth.ProcessUser()}} {
		if err := x.Mkdir(t.Context(), dir, client.MkdirOptions{}); err != nil {
			t.Fatal(err)
		}
		if info, err := x.Stat(t.Context(), dir, client.StatOptions{}); err != nil || info.Owner != x.owner {
			t.Errorf("%s is %q's (%v)", dir, info.Owner, err)
		}
	}
}

// What official clients call on channels that have no session, or had one before a restart.
func TestCallsWithoutSession(t *testing.T) {
	c := simple(t, 3, 1)
	for i := range c.Masters {
		conn, err := wire.Dial(c.Net.Host("client"), c.Addresses()[i])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		version := pb.NewServiceVersionClientServiceClient(conn)
		_, any := version.GetServiceVersion(t.Context(), &pb.GetServiceVersionPRequest{AllowedOnStandbyMasters: proto.Bool(true)})
		_, leading := version.GetServiceVersion(t.Context(), &pb.GetServiceVersionPRequest{})
		if code := status.Code(leading); any != nil || code != codes.OK && code != codes.NotFound {
			t.Errorf("master %d says of its version %v, and if it leads %v", i, any, leading)
		}
		forgotten := metadata.AppendToOutgoingContext(t.Context(), "channel-id", "3f2504e0-4f89-41d3-9a0c-0305e82c3301")
		if _, err := pb.NewWorkerManagerMasterClientServiceClient(conn).GetWorkerInfoList(forgotten, &pb.GetWorkerInfoListPOptions{}); err != nil {
			t.Errorf("master %d lists no workers: %v", i, err)
		}
		if _, err := pb.NewFileSystemMasterClientServiceClient(conn).GetStatus(forgotten, &pb.GetStatusPRequest{Path: proto.String("/")}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("master %d tells who is nobody of /: %v", i, err)
		}
	}
	worker, err := wire.Dial(c.Net.Host("client"), WorkerName(0)+":9203")
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()
	if _, err := pb.NewBlockWorkerClient(worker).CheckBlocks(t.Context(), &pb.CheckBlocksRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a worker tells who is nobody of its blocks: %v", err)
	}
}
