package master

import (
	"context"
	"strconv"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// failedPage is how many files one answer names at most.
const failedPage = 1000

// ListFailedPersistence names the files that could not be persisted at the last try, in the order of their ids. The marker
// of one answer asks for those behind it.
func (s *fileService) ListFailedPersistence(_ context.Context, req *pb.ListFailedPersistencePRequest) (*pb.ListFailedPersistencePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	after := int64(0)
	if m := req.GetMarker(); m != "" {
		var err error
		if after, err = strconv.ParseInt(m, 10, 64); err != nil {
			return nil, &metastore.Error{Text: "Invalid marker " + strconv.Quote(m) + ": want one that an answer had", Err: pathErr("list", m, syscall.EINVAL)}
		}
	}
	paths, ids := s.failedPaths(after)
	most := failedPage
	if n := req.GetMaxFilesCount(); n > 0 {
		most = int(min(n, failedPage))
	}
	reply := &pb.ListFailedPersistencePResponse{FailedFiles: paths, Truncated: proto.Bool(len(paths) > most)}
	if len(paths) > most {
		reply.FailedFiles, reply.NextMarker = paths[:most], proto.String(strconv.FormatInt(ids[most-1], 10))
	}
	return reply, nil
}
