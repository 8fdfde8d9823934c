package write

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

type writing = grpc.BidiStreamingClient[pb.WriteRequest, pb.WriteResponse]

// end closes a stream and checks that the worker answers nothing but that all is well.
func end(t testing.TB, s writing) {
	t.Helper()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if reply, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("%v, %v", reply, err)
	}
}

// fails checks the code with which a worker ends a stream.
func fails(t testing.TB, s writing, code codes.Code) {
	t.Helper()
	s.CloseSend()
	for {
		_, err := s.Recv()
		if err == nil {
			continue // an answer to a flush
		}
		if status.Code(err) != code {
			t.Fatalf("%v, want %v", err, code)
		}
		return
	}
}

// block begins a stream for block i of a file.
func block(info client.Info, i int64) *pb.WriteRequestCommand {
	return &pb.WriteRequestCommand{Type: pb.RequestType_GOOSEFS_BLOCK.Enum(), Id: proto.Int64(info.ID&^0xffffff | i), Offset: proto.Int64(0), SpaceToReserve: &info.BlockSize}
}

// file begins a stream for a file's under file system, as official clients do.
func file(info client.Info) *pb.WriteRequestCommand {
	return &pb.WriteRequestCommand{Type: pb.RequestType_UFS_FILE.Enum(), Id: proto.Int64(-1), Offset: proto.Int64(0), SpaceToReserve: proto.Int64(math.MaxInt64),
		CreateUfsFileOptions: &pb.CreateUfsFileOptions{UfsPath: &info.UFSPath, MountId: &info.MountID, Mode: proto.Int32(int32(info.Mode)), Owner: &info.Owner, Group: &info.Group}}
}

func flush() *pb.WriteRequest { return command(&pb.WriteRequestCommand{Flush: proto.Bool(true)}) }

func made(t testing.TB, f *client.FS, path string, kind client.WriteType) client.Info {
	t.Helper()
	info, err := f.Create(t.Context(), path, client.CreateOptions{Type: kind, Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// A stream is answered once for each flush, after all that came before it, and by nothing else; when it has ended the block
// is there, by its id, for whoever asks.
func TestOneAnswerForEachFlush(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f, w := c.Client(), worker(t, c, 0)
	data := randomBytes(1, 300_000)
	for _, to := range []struct {
		path  string
		kind  client.WriteType
		begin func(client.Info) *pb.WriteRequestCommand
	}{
		{"/cached", client.MustCache, func(i client.Info) *pb.WriteRequestCommand { return block(i, 0) }},
		{"/through", client.Through, file},
	} {
		info := made(t, f, to.path, to.kind)
		s := stream(t, w, to.begin(info))
		if _, err := s.Header(); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, upto := range []int{100_000, 100_000, 250_000, 300_000} {
			for sent < upto {
				n := min(40_000, upto-sent)
				if err := s.Send(chunk(data[sent : sent+n])); err != nil {
					t.Fatal(err)
				}
				sent += n
			}
			if err := s.Send(flush()); err != nil {
				t.Fatal(err)
			}
			if reply, err := s.Recv(); err != nil || reply.GetOffset() != int64(upto) {
				t.Fatalf("%v, %v after %d bytes", reply, err, upto)
			}
		}
		end(t, s)
		if to.kind == client.MustCache {
			first := info.ID &^ 0xffffff
			reply, err := w.CheckBlocks(t.Context(), &pb.CheckBlocksRequest{BlockIds: []int64{first, first + 1}})
			if err != nil || len(reply.GetBlockCachedBytes()) != 1 || reply.GetBlockCachedBytes()[first] != 300_000 {
				t.Errorf("%v, %v", reply, err)
			}
		}
		if err := f.Complete(t.Context(), to.path, 300_000); err != nil {
			t.Fatal(err)
		}
		same(t, f, to.path, data)
	}
}

// A stream that is lost leaves nothing; a new one writes the block again, whatever became of the first. A block that is
// there is not written twice.
func TestBlockIsBegunAnew(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f, w := c.Client(), worker(t, c, 0)
	info := made(t, f, "/f", client.MustCache)
	data := randomBytes(1, blockSize)

	ctx, lose := context.WithCancel(t.Context())
	lost, err := w.WriteBlock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lost.Send(command(block(info, 0))), lost.Send(chunk(data[:1000])), lost.Send(flush())); err != nil {
		t.Fatal(err)
	}
	if _, err := lost.Recv(); err != nil {
		t.Fatal(err)
	}
	silent := stream(t, w, block(info, 0))
	if err := errors.Join(silent.Send(chunk(data[:5000])), silent.Send(flush())); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Recv(); err != nil {
		t.Fatal(err)
	}
	lose()
	again := stream(t, w, block(info, 0))
	if err := errors.Join(again.Send(chunk(data)), again.Send(flush())); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Recv(); err != nil {
		t.Fatal(err)
	}
	fails(t, silent, codes.Unavailable) // it was taken over, and what it has does not count
	end(t, again)
	fails(t, stream(t, w, block(info, 0)), codes.AlreadyExists)
	if err := f.Complete(t.Context(), "/f", blockSize); err != nil {
		t.Fatal(err)
	}
	same(t, f, "/f", data)
	fails(t, stream(t, w, block(info, 1)), codes.AlreadyExists)
}

// What no honest client sends is refused, and leaves nothing.
func TestHostileWriters(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f, w := c.Client(), worker(t, c, 0)
	cached, through := made(t, f, "/cached", client.MustCache), made(t, f, "/d/through", client.Through)
	elsewhere := func(place string) *pb.WriteRequestCommand {
		o := file(through)
		o.CreateUfsFileOptions.UfsPath = &place
		return o
	}
	foreign := file(through)
	foreign.CreateUfsFileOptions.MountId = proto.Int64(99)
	for name, begin := range map[string]struct {
		command *pb.WriteRequestCommand
		code    codes.Code
	}{
		"no id":                     {&pb.WriteRequestCommand{Type: pb.RequestType_GOOSEFS_BLOCK.Enum()}, codes.InvalidArgument},
		"a negative id":             {&pb.WriteRequestCommand{Id: proto.Int64(-7)}, codes.InvalidArgument},
		"a file's id":               {&pb.WriteRequestCommand{Id: &cached.ID}, codes.InvalidArgument},
		"a file that is not there":  {&pb.WriteRequestCommand{Id: proto.Int64(99 << 24)}, codes.FailedPrecondition},
		"an offset":                 {&pb.WriteRequestCommand{Id: proto.Int64(cached.ID &^ 0xffffff), Offset: proto.Int64(5)}, codes.InvalidArgument},
		"a flush first":             {&pb.WriteRequestCommand{Flush: proto.Bool(true)}, codes.InvalidArgument},
		"a kind that is not built":  {&pb.WriteRequestCommand{Type: pb.RequestType_UFS_FALLBACK_BLOCK.Enum(), Id: proto.Int64(cached.ID &^ 0xffffff)}, codes.Unimplemented},
		"no place":                  {&pb.WriteRequestCommand{Type: pb.RequestType_UFS_FILE.Enum()}, codes.InvalidArgument},
		"a place of nobody":         {elsewhere(c.Root + "/other"), codes.PermissionDenied},
		"a place outside":           {elsewhere("/etc/passwd"), codes.PermissionDenied},
		"a place that leads out":    {elsewhere(c.Root + "/d/../../x"), codes.InvalidArgument},
		"a file that is not to be":  {elsewhere(c.Root + "/cached"), codes.PermissionDenied},
		"a mount that is not there": {foreign, codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) { fails(t, stream(t, w, begin.command), begin.code) })
	}
	t.Run("a chunk first", func(t *testing.T) {
		s, err := w.WriteBlock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Send(chunk([]byte("x")))
		fails(t, s, codes.InvalidArgument)
	})
	t.Run("nothing", func(t *testing.T) {
		s, err := w.WriteBlock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fails(t, s, codes.InvalidArgument)
	})
	t.Run("a second command", func(t *testing.T) {
		s := stream(t, w, block(cached, 0))
		s.Send(chunk([]byte("x")))
		s.Send(command(block(cached, 1)))
		fails(t, s, codes.InvalidArgument)
	})
	t.Run("more than a block", func(t *testing.T) {
		s := stream(t, w, block(cached, 0))
		for range 3 {
			s.Send(chunk(make([]byte, blockSize/2)))
		}
		fails(t, s, codes.InvalidArgument)
	})
	t.Run("a name that is kept for others", func(t *testing.T) {
		_, err := f.Create(t.Context(), "/.goosefs-1ffffff.staged", client.CreateOptions{})
		wants(t, err, 22, "cannot be a path")
	})
	eventually(t, "nothing is held", func() bool { return held(c) == 0 })
	if names := folder(t, c); len(names) != 0 {
		t.Errorf("in the under file system: %v", names)
	}
	if reply, err := w.CheckBlocks(t.Context(), &pb.CheckBlocksRequest{BlockIds: []int64{-1, 0, math.MaxInt64, cached.ID}}); err != nil || len(reply.GetBlockCachedBytes()) != 0 {
		t.Errorf("%v, %v", reply, err)
	}
}

// Blocks of a file whose writing is given up are dropped, once and again; the file stays.
func TestRemoveBlocks(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	master := pb.NewFileSystemMasterClientServiceClient(c.Conn(0))
	info := made(t, f, "/f", client.MustCache)
	first := info.ID &^ 0xffffff
	for i := range int64(2) {
		s := stream(t, worker(t, c, int(i)), block(info, i))
		if err := s.Send(chunk(randomBytes(1, blockSize))); err != nil {
			t.Fatal(err)
		}
		end(t, s)
	}
	if held(c) < 2*blockSize {
		t.Fatal("nothing was written")
	}
	for range 2 {
		if _, err := master.RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: []int64{first, first + 1, first + 2, 77 << 24}}); err != nil {
			t.Fatal(err)
		}
		if held(c) != 0 {
			t.Errorf("%d bytes are held", held(c))
		}
	}
	if info := stat(t, f, "/f"); info.Completed {
		t.Error("it is complete")
	}
	if _, err := master.RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: []int64{-5}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("%v", err)
	}
	// The block can be written again.
	s := stream(t, worker(t, c, 0), block(info, 0))
	if err := s.Send(chunk([]byte("again"))); err != nil {
		t.Fatal(err)
	}
	end(t, s)
	if err := f.Complete(t.Context(), "/f", 5); err != nil {
		t.Fatal(err)
	}
	same(t, f, "/f", []byte("again"))
}

// A client may say where it has written a block. What it says must be of the file.
func TestCommitLocation(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	info := made(t, c.Client(), "/f", client.AsyncThrough)
	master := pb.NewFileSystemMasterClientServiceClient(c.Conn(0))
	for _, says := range []struct {
		path       string
		file, from int64
		code       codes.Code
	}{
		{"/f", info.ID, info.ID&^0xffffff | 3, codes.OK},
		{"/none", info.ID, info.ID &^ 0xffffff, codes.NotFound},
		{"/", info.ID, info.ID &^ 0xffffff, codes.InvalidArgument},
		{"/f", info.ID + 1<<24, info.ID &^ 0xffffff, codes.FailedPrecondition},
		{"/f", info.ID, 99 << 24, codes.InvalidArgument},
		{"relative", info.ID, info.ID &^ 0xffffff, codes.InvalidArgument},
	} {
		_, err := master.CommitLocation(t.Context(), &pb.CommitLocationPRequest{Path: &says.path, InodeId: &says.file, BlockId: &says.from})
		if status.Code(err) != says.code {
			t.Errorf("%s, %d, %d: %v, want %v", says.path, says.file, says.from, err, says.code)
		}
	}
}
