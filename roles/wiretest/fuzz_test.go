package wiretest

import (
	"encoding/binary"
	"slices"
	"testing"

	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzCalls sends bytes to every call of the services that clients know: whatever they are, the cluster does not panic.
func FuzzCalls(f *testing.F) {
	s := besieged(f)
	methods := s.methods()
	f.Add(uint8(0), []byte{}, []byte{})
	f.Add(uint8(1), []byte("\x0a\x05/well"), []byte{0xff})
	f.Add(uint8(200), []byte("\x08\x01\x10\x05"), []byte("\x38\x05"))
	f.Fuzz(func(t *testing.T, which uint8, first, second []byte) {
		_ = methods[int(which)%len(methods)].call(t.Context(), first, second)
	})
}

// FuzzWrites says to a worker what a program of bytes says: a stream of beginnings, pieces, flushes and messages that are none, about
// files that are being written and others. Whatever it is, it ends with a status that names a fault, nobody panics, and no file is there
// that nobody completed.
func FuzzWrites(f *testing.F) {
	s := besieged(f)
	cached, through := s.create("/cached", pb.WritePType_MUST_CACHE), s.create("/through", pb.WritePType_THROUGH)
	first := cached.GetFileId() &^ (1<<container - 1)
	methods := s.methods()
	write := methods[slices.IndexFunc(methods, func(m method) bool { return m.short == "WriteBlock" })]
	for _, program := range []string{
		"\x00\x00\x03\x05\x02", "\x01\x03\x10\x02\x03\x01", "\x00\x01\x03\xff\x03\xff", "\x02\x00\x00", "\x03\x01\x00\x00", "\x00\x00\x01\x03\x01", "\x00\x00\x00\x01", "\x06\x00\x00\x06\x02",
		"\x05\xff\xff\xff\xff\xff\xff\xff\xff\x03\x01", "\x04\x03\x08\x01\x10\x00", "\x07\x80\x00\x00\x00\x00\x00\x00\x00", "\x01\x04\x02\xff\xff",
	} {
		f.Add([]byte(program))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		err := write.call(t.Context(), messagesOf(t, program, cached, through)...)
		if code := status.Code(err); code == codes.Unknown || code == codes.DeadlineExceeded {
			t.Errorf("% x: %v", program, err)
		}
		if _, err := s.files.RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: []int64{first, first + 1, first + 2, first + 3}}); err != nil {
			t.Error(err)
		}
		if s.has("/cached") || s.has("/through") {
			t.Errorf("% x: a file is there that is not complete", program)
		}
	})
}

// messagesOf are the messages that a program of bytes stands for: a byte says what kind, those behind it which.
func messagesOf(t *testing.T, program []byte, cached, through *pb.FileInfo) (messages [][]byte) {
	t.Helper()
	next := func(n int) []byte {
		part := make([]byte, n)
		program = program[copy(part, program):]
		return part
	}
	for len(program) > 0 && len(messages) < 20 {
		var m *pb.WriteRequest
		switch next(1)[0] % 8 {
		case 0:
			m = begin(blockOf(cached, int64(next(1)[0]%4)))
		case 1:
			m = begin(fileOf(through))
		case 2:
			m = flushed()
		case 3:
			m = bytesAs(make([]byte, 512*int(next(1)[0])))
		case 4:
			messages = append(messages, next(int(next(1)[0]%64)))
			continue
		case 5:
			m = begin(&pb.WriteRequestCommand{Id: proto.Int64(int64(binary.BigEndian.Uint64(next(8))))})
		case 6:
			m = &pb.WriteRequest{}
		case 7:
			c := blockOf(cached, 0)
			c.Offset = proto.Int64(int64(binary.BigEndian.Uint64(next(8))))
			m = begin(c)
		}
		b, err := proto.Marshal(m)
		must(t, err)
		messages = append(messages, b)
	}
	return messages
}

// FuzzLengths makes files with any size of blocks, and completes them with any length of which nothing was written: it is refused, or
// the file has that length, and a status tells of as many blocks as that is, or of none, if they are many.
func FuzzLengths(f *testing.F) {
	s := besieged(f)
	for _, c := range [][2]int64{{0, 0}, {1, 1}, {small, small + 1}, {-1, 5}, {1 << 50, 1 << 62}, {1<<63 - 1, 1}, {small, small << 16}, {small, small<<16 + 1}, {3, -7}} {
		f.Add(c[0], c[1])
	}
	path := "/lengths"
	f.Fuzz(func(t *testing.T, block, length int64) {
		_, err := s.files.CreateFile(t.Context(), &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{BlockSizeBytes: &block}})
		if err != nil {
			want(t, "a file", err, codes.InvalidArgument, "nvalid block size")
			return
		}
		_, err = s.files.CompleteFile(t.Context(), &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: &length}})
		if err != nil {
			want(t, "a length", err, codes.InvalidArgument, "Invalid file length")
		}
		reply, err := s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: &path})
		must(t, err)
		if info := reply.GetFileInfo(); info.GetCompleted() {
			blocks, told := (length+info.GetBlockSizeBytes()-1)/info.GetBlockSizeBytes(), int64(len(info.GetBlockIds()))
			if info.GetLength() != length || told != blocks && (told != 0 || blocks < 20_000) {
				t.Errorf("%d bytes in blocks of %d: %d in %d blocks of %d", length, block, info.GetLength(), told, info.GetBlockSizeBytes())
			}
		}
		_, err = s.files.Remove(t.Context(), &pb.DeletePRequest{Path: &path})
		must(t, err)
	})
}
