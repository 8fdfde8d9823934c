package wiretest

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// create makes a file that is to be written in blocks of 64 KiB.
func (s *stand) create(path string, kind pb.WritePType) *pb.FileInfo {
	s.t.Helper()
	reply, err := s.files.CreateFile(s.t.Context(), &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{BlockSizeBytes: proto.Int64(small), WriteType: &kind, Recursive: proto.Bool(true)}})
	must(s.t, err)
	return reply.GetFileInfo()
}

func (s *stand) complete(path string, length int64, edit func(*pb.CompleteFilePRequest)) error {
	s.t.Helper()
	req := &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: &length}}
	if edit != nil {
		edit(req)
	}
	_, err := s.files.CompleteFile(s.t.Context(), req)
	return err
}

// Messages of a writer.
func begin(c *pb.WriteRequestCommand) *pb.WriteRequest {
	return &pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: c}}
}

func blockOf(info *pb.FileInfo, i int64) *pb.WriteRequestCommand {
	return &pb.WriteRequestCommand{Id: proto.Int64(info.GetFileId()&^(1<<container-1) | i), Offset: proto.Int64(0), SpaceToReserve: proto.Int64(small)}
}

func fileOf(info *pb.FileInfo) *pb.WriteRequestCommand {
	return &pb.WriteRequestCommand{
		Type: pb.RequestType_UFS_FILE.Enum(), Id: proto.Int64(-1), Offset: proto.Int64(0), SpaceToReserve: proto.Int64(math.MaxInt64),
		CreateUfsFileOptions: &pb.CreateUfsFileOptions{UfsPath: info.UfsPath, MountId: info.MountId, Mode: proto.Int32(0o644)},
	}
}

func bytesAs(data []byte) *pb.WriteRequest {
	return &pb.WriteRequest{Value: &pb.WriteRequest_Chunk{Chunk: &pb.Chunk{Data: data}}}
}

func flushed() *pb.WriteRequest { return begin(&pb.WriteRequestCommand{Flush: proto.Bool(true)}) }

// write is a stream of a client that says all it has to say without listening, and closes it: how many answers came, and the end.
func (s *stand) write(messages ...*pb.WriteRequest) (answers int, err error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), rolestest.Patience)
	defer cancel()
	stream, err := s.blocks[0].WriteBlock(ctx)
	must(s.t, err)
	for _, m := range messages {
		if err := stream.Send(m); err != nil && err != io.EOF {
			return 0, err
		}
	}
	must(s.t, stream.CloseSend())
	for {
		if _, err := stream.Recv(); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers++
	}
}

// clean wants that of a file which is being written nothing is there, in the cache or for anybody to see.
func (s *stand) clean(what string, info *pb.FileInfo) {
	s.t.Helper()
	first := info.GetFileId() &^ (1<<container - 1)
	if cached := s.checkBlocks(0, first, first+1, first+2); len(cached) > 0 {
		s.t.Errorf("%s: there is %v", what, cached)
	}
	if s.has(info.GetPath()) {
		s.t.Errorf("%s: it is in the under file system", what)
	}
}

// Messages of a writer in an order that makes no sense end the stream, and nothing of it is kept.
func TestWritesInWrongOrder(t *testing.T) {
	s := besieged(t)
	cached, through := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/through", pb.WritePType_THROUGH)
	x := bytesAs([]byte("x"))
	offset := func(n int64) *pb.WriteRequestCommand {
		c := blockOf(cached, 0)
		c.Offset = &n
		return c
	}
	unknown := blockOf(cached, 0)
	unknown.Type = pb.RequestType(77).Enum()
	flushing := blockOf(cached, 0)
	flushing.Flush = proto.Bool(true)
	for what, messages := range map[string][]*pb.WriteRequest{
		"nothing":                      {},
		"an empty message":             {{}},
		"bytes first":                  {x, begin(blockOf(cached, 0))},
		"a flush first":                {flushed(), begin(blockOf(cached, 0)), x},
		"a flush that is a beginning":  {begin(flushing), x},
		"a block begun twice":          {begin(blockOf(cached, 0)), begin(blockOf(cached, 0)), x},
		"two blocks":                   {begin(blockOf(cached, 0)), x, flushed(), begin(blockOf(cached, 1)), x},
		"a block and a file":           {begin(blockOf(cached, 0)), x, begin(fileOf(through)), x},
		"a file begun twice":           {begin(fileOf(through)), x, begin(fileOf(through)), x},
		"a file and a block":           {begin(fileOf(through)), x, begin(blockOf(cached, 0)), x},
		"a file with no place":         {begin(&pb.WriteRequestCommand{Type: pb.RequestType_UFS_FILE.Enum()}), x},
		"an offset":                    {begin(offset(5)), x},
		"an offset below 0":            {begin(offset(-1)), x},
		"an offset of all bits":        {begin(offset(math.MaxInt64)), x},
		"an offset of the lowest bits": {begin(offset(math.MinInt64)), x},
	} {
		_, err := s.write(messages...)
		want(t, what, err, codes.InvalidArgument, "")
		s.clean(what, cached)
		s.clean(what, through)
	}
	_, err := s.write(begin(unknown), x)
	want(t, "a kind of which nobody heard", err, codes.Unimplemented, "77")
	// More flushes than bytes, and messages that say nothing, are no harm.
	answers, err := s.write(begin(blockOf(cached, 0)), flushed(), flushed(), bytesAs(nil), &pb.WriteRequest{}, x, flushed())
	if err != nil || answers != 3 {
		t.Errorf("%d answers to 3 flushes, %v", answers, err)
	}
	must(t, s.complete("/cached", 1, nil))
	s.well("afterwards")
}

// Pieces that are larger than any may be, or than what they are a piece of, end the stream before they are held.
func TestOversizedWrites(t *testing.T) {
	s := besieged(t)
	cached, through := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/through", pb.WritePType_THROUGH)
	for what, c := range map[string]*pb.WriteRequestCommand{"a block": blockOf(cached, 0), "a file": fileOf(through)} {
		_, err := s.write(begin(c), bytesAs(make([]byte, 81<<20)))
		want(t, "a piece of 81 MiB of "+what, err, codes.ResourceExhausted, "")
	}
	for _, pieces := range [][]int{{small + 1}, {small, 1}, {10 << 20}, {small / 2, small}} {
		messages := []*pb.WriteRequest{begin(blockOf(cached, 0))}
		for _, n := range pieces {
			messages = append(messages, bytesAs(make([]byte, n)))
		}
		_, err := s.write(messages...)
		want(t, fmt.Sprintf("pieces of %d bytes", pieces), err, codes.InvalidArgument, "longer than 65536 bytes")
	}
	s.clean("afterwards", cached)
	s.clean("afterwards", through)
	for _, reserved := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		info := s.create(fmt.Sprintf("/reserved%d", reserved), pb.WritePType_MUST_CACHE)
		c := blockOf(info, 0)
		c.SpaceToReserve = &reserved
		if _, err := s.write(begin(c), bytesAs([]byte("hello"))); err != nil {
			t.Errorf("with %d bytes to reserve, which is but a hint: %v", reserved, err)
		}
		must(t, s.complete(info.GetPath(), 5, nil))
	}
	s.well("afterwards")
}

// Nobody writes to blocks and files that are not his to write: complete ones, ones that are not there, or places that no file has.
func TestWritesToOthers(t *testing.T) {
	s := besieged(t)
	well := s.stat("/well")
	must(t, s.mkdir("/d", false))
	cached, through := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/through", pb.WritePType_THROUGH)
	removed := s.create("/removed", pb.WritePType_THROUGH)
	must(t, s.remove("/removed", false))
	at := func(place string, mount int64) *pb.WriteRequestCommand {
		c := fileOf(through)
		c.CreateUfsFileOptions.UfsPath, c.CreateUfsFileOptions.MountId = &place, &mount
		return c
	}
	id := func(id int64) *pb.WriteRequestCommand { return &pb.WriteRequestCommand{Id: &id} }
	root := strings.TrimSuffix(through.GetUfsPath(), "/through")
	for what, c := range map[string]struct {
		command *pb.WriteRequestCommand
		codes   []codes.Code
	}{
		"a block of a complete file":      {blockOf(well, 0), []codes.Code{codes.AlreadyExists}},
		"a block after its end":           {blockOf(well, 7), []codes.Code{codes.AlreadyExists}},
		"a complete file":                 {fileOf(well), []codes.Code{codes.PermissionDenied}},
		"a block of a removed file":       {blockOf(removed, 0), []codes.Code{codes.FailedPrecondition}},
		"a removed file":                  {fileOf(removed), []codes.Code{codes.PermissionDenied}},
		"a block of a directory":          {blockOf(s.stat("/d"), 0), []codes.Code{codes.FailedPrecondition, codes.InvalidArgument}},
		"a file that is only cached":      {fileOf(cached), []codes.Code{codes.PermissionDenied}},
		"no block":                        {id(0), []codes.Code{codes.InvalidArgument}},
		"a block below 0":                 {id(-1), []codes.Code{codes.InvalidArgument}},
		"a block of the lowest bits":      {id(math.MinInt64), []codes.Code{codes.InvalidArgument}},
		"a block of all bits":             {id(math.MaxInt64), []codes.Code{codes.InvalidArgument}},
		"a block of a file to come":       {id(1 << 50), []codes.Code{codes.FailedPrecondition}},
		"a file's own id":                 {id(cached.GetFileId()), []codes.Code{codes.InvalidArgument}},
		"a place outside":                 {at("/etc/goosefs-was-here", 1), []codes.Code{codes.PermissionDenied}},
		"a place that leads out":          {at(root+"/../out", through.GetMountId()), []codes.Code{codes.InvalidArgument, codes.PermissionDenied}},
		"a place beside the file":         {at(root+"/through2", through.GetMountId()), []codes.Code{codes.PermissionDenied}},
		"a place of a name that is kept":  {at(root+"/.goosefs-1.staged", through.GetMountId()), []codes.Code{codes.InvalidArgument, codes.PermissionDenied}},
		"a place that is no path":         {at("", through.GetMountId()), []codes.Code{codes.InvalidArgument}},
		"a place with NUL":                {at(root+"/thr\x00ough", through.GetMountId()), []codes.Code{codes.InvalidArgument, codes.PermissionDenied}},
		"a place of 10,000 parts":         {at(root+strings.Repeat("/d", 10_000), through.GetMountId()), []codes.Code{codes.InvalidArgument, codes.PermissionDenied}},
		"its place in another mount":      {at(through.GetUfsPath(), through.GetMountId()+1), []codes.Code{codes.PermissionDenied}},
		"its place in no mount, below 0":  {at(through.GetUfsPath(), -1), []codes.Code{codes.PermissionDenied, codes.InvalidArgument}},
		"its place with another scheme":   {at("http://127.0.0.1"+through.GetUfsPath(), through.GetMountId()), []codes.Code{codes.PermissionDenied, codes.InvalidArgument}},
		"the folder that is / by itself":  {at(root, through.GetMountId()), []codes.Code{codes.PermissionDenied, codes.InvalidArgument}},
		"the folder that is / with a bar": {at(root+"/", through.GetMountId()), []codes.Code{codes.PermissionDenied, codes.InvalidArgument}},
	} {
		_, err := s.write(begin(c.command), bytesAs([]byte("mine")), flushed())
		if !slices.Contains(c.codes, status.Code(err)) {
			t.Errorf("%s: %v, want one of %v", what, err, c.codes)
		}
	}
	s.clean("afterwards", cached)
	s.clean("afterwards", through)
	entries, err := os.ReadDir(s.Root)
	must(t, err)
	for _, e := range entries {
		if e.Name() != "well" && e.Name() != "d" && !strings.HasPrefix(e.Name(), ".goosefs-") {
			t.Errorf("%s is there", e.Name())
		}
	}
	s.well("afterwards")
}

// A file is only as long as it was written, and as many blocks as anybody can be told of.
func TestLengthsBeyond(t *testing.T) {
	s := besieged(t)
	cached, through, never := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/through", pb.WritePType_THROUGH), s.create("/never", pb.WritePType_MUST_CACHE)
	data, most := bytesOf(small+10), int64(small*(1<<container-1))
	for _, messages := range [][]*pb.WriteRequest{
		{begin(blockOf(cached, 0)), bytesAs(data[:small])}, {begin(blockOf(cached, 1)), bytesAs(data[small:])}, {begin(fileOf(through)), bytesAs(data)},
	} {
		_, err := s.write(messages...)
		must(t, err)
	}
	for _, length := range []int64{-1, math.MinInt64, math.MaxInt64, 1 << 50, most + 1} {
		for _, path := range []string{"/cached", "/through", "/never"} {
			want(t, fmt.Sprintf("%s of %d bytes", path, length), s.complete(path, length, nil), codes.InvalidArgument, "Invalid file length")
		}
	}
	for _, length := range []int64{0, 1, small, small + 9, small + 11, 2 * small, 3 * small} {
		for _, path := range []string{"/cached", "/through"} {
			if err := s.complete(path, length, nil); err == nil {
				t.Errorf("%s is complete with %d bytes, and %d were written", path, length, len(data))
			}
		}
	}
	other := func(r *pb.CompleteFilePRequest) { r.InodeId = proto.Int64(never.GetFileId()) }
	if err := s.complete("/cached", small+10, other); err == nil {
		t.Error("it is complete by another file's id")
	}
	must(t, s.complete("/cached", small+10, func(r *pb.CompleteFilePRequest) { r.Options.ForcePersisted = proto.Bool(true) }))
	must(t, s.complete("/through", small+10, nil))
	must(t, s.complete("/never", most, nil)) // of so many blocks nobody is told one by one
	for path, wanted := range map[string]struct {
		length    int64
		persisted bool
		blocks    int
	}{"/cached": {small + 10, false, 2}, "/through": {small + 10, true, 2}, "/never": {most, false, 0}} {
		if info := s.stat(path); !info.GetCompleted() || info.GetPersisted() != wanted.persisted || info.GetLength() != wanted.length || len(info.GetBlockIds()) != wanted.blocks {
			t.Errorf("%s: completed %v, persisted %v, %d blocks of %d bytes", path, info.GetCompleted(), info.GetPersisted(), len(info.GetBlockIds()), info.GetLength())
		}
	}
	got, err := s.read(0, s.stat("/cached"), 1, 0, 10, nil)
	if err != nil || string(got) != string(data[small:]) {
		t.Errorf("%q, %v", got, err)
	}
	s.well("afterwards")
}

// Calls about files that are being written take no numbers and states that make no sense.
func TestHostileFileCalls(t *testing.T) {
	s := besieged(t)
	s.create("/open", pb.WritePType_MUST_CACHE)
	for what, options := range map[string]*pb.CreateFilePOptions{
		"blocks below 0":                     {BlockSizeBytes: proto.Int64(-1)},
		"blocks of the lowest bits":          {BlockSizeBytes: proto.Int64(math.MinInt64)},
		"blocks of all bits":                 {BlockSizeBytes: proto.Int64(math.MaxInt64)},
		"blocks that are a little too large": {BlockSizeBytes: proto.Int64(1<<50 + 1)},
	} {
		_, err := s.files.CreateFile(t.Context(), &pb.CreateFilePRequest{Path: proto.String("/new"), Options: options})
		want(t, what, err, codes.InvalidArgument, "nvalid block size")
	}
	kind := pb.WritePType(99)
	_, err := s.files.CreateFile(t.Context(), &pb.CreateFilePRequest{Path: proto.String("/of-no-kind"), Options: &pb.CreateFilePOptions{WriteType: &kind}})
	if err == nil && s.stat("/of-no-kind").GetPersisted() {
		t.Error("a type of which nobody heard is taken for persisted")
	}
	for what, blocks := range map[string][]int64{"below 0": {-5}, "of the lowest bits": {math.MinInt64}, "one that is not": {1 << 24, -1}} {
		_, err := s.files.RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: blocks})
		want(t, "blocks "+what, err, codes.InvalidArgument, "")
	}
	many := make([]int64, 200_000)
	for i := range many {
		many[i] = int64(i+1) << container
	}
	if _, err := s.files.RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: many}); err != nil {
		t.Errorf("many blocks that nobody has: %v", err)
	}
	for path, code := range map[string]codes.Code{"/none": codes.NotFound, "/": codes.FailedPrecondition, "/open": codes.FailedPrecondition, "x": codes.InvalidArgument} {
		_, err := s.files.ScheduleAsyncPersistence(t.Context(), &pb.ScheduleAsyncPersistencePRequest{Path: &path})
		want(t, "persist "+path, err, code, "")
	}
	s.well("afterwards")
}

// Writers that begin and say nothing more, or have no end, hold little, are in nobody's way, and leave nothing when they go.
func TestManyWriters(t *testing.T) {
	streams := int64(1000)
	if testing.Short() {
		streams = 200
	}
	s := besieged(t)
	s.well("before")
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cached, through := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/d/through", pb.WritePType_THROUGH)
	for name, messages := range map[string]func(i int64) []*pb.WriteRequest{
		"silent":                     func(int64) []*pb.WriteRequest { return nil },
		"silent after the beginning": func(i int64) []*pb.WriteRequest { return []*pb.WriteRequest{begin(blockOf(cached, i))} },
		"amid a block": func(i int64) []*pb.WriteRequest {
			return []*pb.WriteRequest{begin(blockOf(cached, i)), bytesAs(make([]byte, 4096))}
		},
		"the same block": func(int64) []*pb.WriteRequest {
			return []*pb.WriteRequest{begin(blockOf(cached, 0)), bytesAs([]byte("x"))}
		},
		"amid a file": func(int64) []*pb.WriteRequest {
			return []*pb.WriteRequest{begin(fileOf(through)), bytesAs([]byte("x"))}
		},
	} {
		conns := []pb.BlockWorkerClient{s.narrow(), s.narrow()}
		var last grpc.BidiStreamingClient[pb.WriteRequest, pb.WriteResponse]
		for i := range streams {
			stream, err := conns[i%2].WriteBlock(ctx)
			if err != nil {
				t.Fatalf("%s, stream %d: %v", name, i, err)
			}
			for _, m := range messages(i) {
				if err := stream.Send(m); err != nil && err != io.EOF {
					t.Fatalf("%s, stream %d: %v", name, i, err)
				}
			}
			last = stream
		}
		if len(messages(0)) > 1 { // what it said was heard: it is answered, or refused
			_ = last.Send(flushed())
			if _, err := last.Recv(); err != nil && status.Code(err) == codes.Unknown {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.well(name)
	}
	if grown := heap() - before; grown > 600<<20 {
		t.Errorf("%d MiB more are held", grown>>20)
	}
	cancel()
	s.vanishes("cached bytes", func() bool { return s.Workers[0].Used() <= 2*blockSize+1<<20 })
	s.vanishes("half files", func() bool {
		left, err := filepath.Glob(filepath.Join(s.Root, "d", "*"))
		hidden, _ := filepath.Glob(filepath.Join(s.Root, "d", ".*"))
		return err == nil && len(left)+len(hidden) == 0
	})
	if _, err := s.write(begin(blockOf(cached, 0)), bytesAs([]byte("hello"))); err != nil {
		t.Errorf("the block cannot be written: %v", err)
	}
	must(t, s.complete("/cached", 5, nil))
	s.well("afterwards")
}

// vanishes waits until what others left is gone.
func (s *stand) vanishes(what string, gone func() bool) {
	s.t.Helper()
	for end := time.Now().Add(rolestest.Patience); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s are left", what)
		}
	}
}
