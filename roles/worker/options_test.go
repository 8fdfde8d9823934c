package worker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"goosefs/blockcache"
	"goosefs/conf"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestFromConf(t *testing.T) {
	load := func(properties ...string) Options {
		t.Helper()
		t.Setenv("GOOSEFS_CONF_DIR", t.TempDir())
		c, _, err := conf.Load(conf.Input{Args: properties, Role: conf.RoleWorker})
		if err != nil {
			t.Fatal(err)
		}
		o, err := FromConf(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := load("goosefs.master.hostname=127.0.0.1", "goosefs.worker.fill.range.bytes=2MB", "goosefs.worker.fill.concurrency=5", "goosefs.worker.ufs.timeout=7s",
		"goosefs.worker.tieredstore.level0.alias=HDD", "goosefs.worker.tieredstore.level0.dirs.path=/a,/b", "goosefs.worker.tieredstore.level0.dirs.quota=1GB,2GB")
	if o.FillRange != 2*mib || o.FillConcurrency != 5 || o.UFSWait.Seconds() != 7 || o.Port != 9203 {
		t.Errorf("%+v", o)
	}
	if net.ParseIP(o.Host) == nil {
		t.Errorf("a worker without a name calls itself %q, which is no address", o.Host)
	}
	if dirs := o.Cache.Tiers[0].Dirs; len(dirs) != 2 || dirs[1] != (blockcache.Dir{Path: "/b", Quota: 2 << 30}) || o.Cache.Tiers[0].Alias != "HDD" {
		t.Errorf("tiers %+v", o.Cache.Tiers)
	}
	for annotator, want := range map[string]string{
		"": blockcache.LRU, "TINYLFU": blockcache.TINYLFU, "tinylfu": blockcache.TINYLFU, "LRFU": blockcache.TINYLFU,
		"LRU": blockcache.LRU, "lru": blockcache.LRU, "NONE": blockcache.NONE, "none": blockcache.NONE,
		"com.qcloud.cos.goosefs.worker.block.annotator.LRUAnnotator":  blockcache.LRU,
		"com.qcloud.cos.goosefs.worker.block.annotator.LRFUAnnotator": blockcache.TINYLFU,
		"goosefs.worker.block.annotator.LRUAnnotator":                 blockcache.LRU,
		"alluxio.worker.block.annotator.LRFUAnnotator":                blockcache.TINYLFU,
	} {
		args := []string{"goosefs.worker.hostname=w"}
		if annotator != "" {
			args = append(args, "goosefs.worker.block.annotator.class="+annotator)
		}
		if o := load(args...); o.Cache.Policy != want || o.Host != "w" {
			t.Errorf("%q is policy %q on %q", annotator, o.Cache.Policy, o.Host)
		}
	}
}

func TestAnUnknownPolicyIsRefused(t *testing.T) {
	t.Setenv("GOOSEFS_CONF_DIR", t.TempDir())
	_, _, err := conf.Load(conf.Input{Args: []string{"goosefs.worker.block.annotator.class=com.example.MyAnnotator"}, Role: conf.RoleWorker})
	if err == nil || !strings.Contains(err.Error(), "write one of TINYLFU, LRU, NONE") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// A worker that cannot start says why, and leaves nothing behind.
func TestStartFails(t *testing.T) {
	network := wire.NewMemory().Host("worker")
	o := Options{Host: "worker", Port: 9203, Masters: []string{"m:9200"}, Network: network,
		Cache: blockcache.Options{Tiers: []blockcache.Tier{{Alias: "MEM", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 1 << 20}}}}}}
	l, err := network.Listen("worker:9203")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(o)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "goosefs.worker.rpc.port") {
		t.Errorf("the port is taken: %v", err)
	}
	l.Close()
	w, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Port++
	if _, err := Start(o); err == nil {
		t.Error("two workers share a folder")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []func(*Options){
		func(o *Options) { o.Masters = nil },
		func(o *Options) { o.Cache.Tiers = nil },
	} {
		o := o
		wrong(&o)
		if _, err := Start(o); err == nil {
			t.Error("it starts")
		}
	}
}

// Who a worker is, whom it asks, and what it takes after its own restart.
func TestSecurityFromConf(t *testing.T) {
	load := func(properties ...string) (Options, error) {
		t.Helper()
		t.Setenv("GOOSEFS_CONF_DIR", t.TempDir())
		c, _, err := conf.Load(conf.Input{Args: append(properties, "goosefs.worker.hostname=w"), Role: conf.RoleWorker})
		if err != nil {
			t.Fatal(err)
		}
		return FromConf(c, nil)
	}
	o, err := load("goosefs.security.login.username=goosefs", "goosefs.master.security.impersonation.hive.users=*")
	if err != nil || o.Login != (auth.Login{Scheme: auth.SIMPLE, User: "goosefs"}) || o.Auth.Scheme != auth.SIMPLE || len(o.Auth.Impersonation["hive"].Users) != 1 {
		t.Errorf("%+v, %+v, %v", o.Login, o.Auth, err)
	}
	if len(o.Auth.Lost) != 1 || !strings.HasSuffix(o.Auth.Lost[0], "BlockWorker/WriteBlock") {
		t.Errorf("without a session: %v", o.Auth.Lost)
	}
	o, err = load("goosefs.security.authentication.type=NOSASL", "goosefs.worker.security.lost.sessions.accepted=false")
	if err != nil || o.Login.Scheme != auth.NOSASL || o.Auth.Scheme != auth.NOSASL || o.Auth.Lost != nil {
		t.Errorf("%+v, %+v, %v", o.Login, o.Auth, err)
	}
	if _, err := load("goosefs.security.login.username=a\tb"); err == nil || !strings.Contains(err.Error(), "goosefs.security.login.username") {
		t.Errorf("a name with a tab: %v", err)
	}
	if _, err := load("goosefs.security.group.mapping.class=Ldap"); err == nil || !strings.Contains(err.Error(), "goosefs.security.group.mapping.class=Ldap") {
		t.Errorf("an unknown mapping: %v", err)
	}
}

// A worker that was started anew knows no session: it takes bytes to write from who had one, but from nobody else.
func TestWritesWithoutSession(t *testing.T) {
	g := auth.NewGate(auth.Options{Scheme: auth.SIMPLE, Lost: []string{pb.BlockWorker_WriteBlock_FullMethodName}})
	network := wire.NewMemory()
	l, err := network.Host("worker").Listen("worker:9203")
	if err != nil {
		t.Fatal(err)
	}
	server := wire.NewServer(slog.New(slog.DiscardHandler), append(g.ServerOptions(), grpc.ForceServerCodecV2(newFrames()))...)
	pb.RegisterBlockWorkerServer(server, pb.UnimplementedBlockWorkerServer{})
	go server.Serve(l)
	defer server.Stop()
	conn, err := wire.Dial(network.Host("client"), "worker:9203")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	had := metadata.AppendToOutgoingContext(t.Context(), "channel-id", "from-before")
	for _, c := range []struct {
		ctx         context.Context
		read, write codes.Code
	}{{had, codes.Unauthenticated, codes.Unimplemented}, {t.Context(), codes.Unauthenticated, codes.Unauthenticated}} {
		reading, err := pb.NewBlockWorkerClient(conn).ReadBlock(c.ctx)
		if err == nil {
			_, err = reading.Recv()
		}
		if status.Code(err) != c.read {
			t.Errorf("a read: %v, want %v", err, c.read)
		}
		writing, err := pb.NewBlockWorkerClient(conn).WriteBlock(c.ctx)
		if err == nil {
			_, err = writing.Recv()
		}
		if status.Code(err) != c.write {
			t.Errorf("a write: %v, want %v", err, c.write)
		}
	}
}
