package worker

import (
	"testing"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// What a worker cannot do because it stops is for its clients as if nobody were there: they ask another, or it again when it is
// back, and are told neither that the file is at fault nor that the masters are.
func TestStoppingIsNoAnswer(t *testing.T) {
	s := newSite(t, 1, Options{})
	c := s.client()
	answers := make(chan error, 2)
	s.masters[0].stop()
	go func() {
		stream, err := c.ReadBlock(t.Context())
		if err == nil {
			err = stream.Send(request(1<<24, 0, mib))
		}
		for err == nil { // heartbeats
			_, err = stream.Recv()
		}
		answers <- err
	}()
	stream, err := c.WriteBlock(t.Context())
	if err == nil {
		err = stream.Send(&pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: &pb.WriteRequestCommand{
			Type: pb.RequestType_GOOSEFS_BLOCK.Enum(), Id: proto.Int64(2 << 24), Offset: proto.Int64(0), SpaceToReserve: proto.Int64(mib),
		}}})
	}
	if err == nil {
		_, err = stream.Header()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := stream.Recv()
		answers <- err
	}()
	time.Sleep(100 * time.Millisecond) // the two are asked about; if not yet, they find it stopping
	s.worker.cancel()                  // what Close does first; connections live on for a moment
	for range cap(answers) {
		if err := <-answers; !wire.Unreached(err) {
			t.Errorf("%v, want nobody there", err)
		}
	}
}
