package wiretest

import (
	"path/filepath"
	"strings"
	"testing"

	"goosefs/wire/pb"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// sameness says whether two clusters answer the same, but for what is each one's own: times, owners, the ids of workers, and where
// the folder is. Ids of files are the same if they are so all along.
type sameness struct {
	files   map[int64]int64 // container of the recorded cluster's ids to this one's
	workers map[int64]int64 // id of the recorded cluster's to this one's

	root, recordedRoot string // where / is
}

func newSameness() *sameness { return &sameness{files: map[int64]int64{}, workers: map[int64]int64{}} }

// own are the fields in which each cluster has its own.
var own = map[protoreflect.Name]bool{
	"creationTimeMs": true, "lastModificationTimeMs": true, "lastAccessTimeMs": true, "ufsFingerprint": true, "owner": true, "group": true,
	"workerId": true, "id": true, "lastContactSec": true, "startTimeMs": true, "capacityBytes": true, "usedBytes": true, "cacheUsedBytes": true,
	"acl":                  true, // its names are; the rest is what mode says, and older recordings have none
	"lastUpdatedTimestamp": true, "tieredIdentity": true, "version": true,
	// Where and how much is cached depends on when the worker's report came.
	"locations": true, "inGooseFSPercentage": true,
}

const container = 24 // bits that a file id has below its container

// reply wants got to be as the recorded reply.
func (s *sameness) reply(t *testing.T, method string, got, recorded []byte) {
	t.Helper()
	g, r := messageOf(t, method, false), messageOf(t, method, false)
	must(t, proto.Unmarshal(got, g))
	must(t, proto.Unmarshal(recorded, r))
	s.learn(g.ProtoReflect(), r.ProtoReflect())
	s.level(g.ProtoReflect(), func(id int64) int64 { return id })
	s.level(r.ProtoReflect(), s.mapped)
	if !proto.Equal(g, r) {
		t.Errorf("%s answers\n%s\nand it was\n%s", method, prototext.Format(g), prototext.Format(r))
	}
}

// request is a recorded request with this cluster's ids and places: byte for byte what was recorded, if it has none.
func (s *sameness) request(t *testing.T, method string, recorded []byte) []byte {
	t.Helper()
	m := messageOf(t, method, true)
	must(t, proto.Unmarshal(recorded, m))
	before := proto.Clone(m)
	s.fit(m.ProtoReflect())
	if proto.Equal(before, m) {
		return recorded
	}
	b, err := proto.Marshal(m)
	must(t, err)
	return b
}

// fit puts this cluster's ids and places into a recorded request.
func (s *sameness) fit(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Name() == "block_id" || f.Name() == "blockId" || f.Name() == "inodeId" || f.FullName() == "com.qcloud.cos.goosefs.grpc.block.WriteRequestCommand.id":
			m.Set(f, protoreflect.ValueOfInt64(s.mapped(v.Int())))
		case f.Name() == "block_ids" || f.Name() == "blockIds":
			mapAll(v.List(), s.mapped)
		case f.Name() == "worker_id" && f.IsList():
			mapAll(v.List(), func(id int64) int64 { return s.workers[id] })
		case f.Name() == "ufs_path":
			if rest, below := strings.CutPrefix(v.String(), s.recordedRoot); below {
				m.Set(f, protoreflect.ValueOfString(s.root+rest))
			}
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				s.fit(v.List().Get(i).Message())
			}
		default:
			s.fit(v.Message())
		}
		return true
	})
}

func mapAll(list protoreflect.List, to func(int64) int64) {
	for i := range list.Len() {
		list.Set(i, protoreflect.ValueOfInt64(to(list.Get(i).Int())))
	}
}

func (s *sameness) mapped(id int64) int64 {
	if to, known := s.files[id>>container]; known {
		return to<<container | id&(1<<container-1)
	}
	return id
}

// learn takes down which id is which, and which place, where both tell of the same file or worker.
func (s *sameness) learn(got, recorded protoreflect.Message) {
	if g, ok := got.Interface().(*pb.FileInfo); ok {
		r := recorded.Interface().(*pb.FileInfo)
		if _, known := s.files[r.GetFileId()>>container]; !known && g.GetPath() == r.GetPath() {
			s.files[r.GetFileId()>>container] = g.GetFileId() >> container
		}
		s.root, s.recordedRoot = strings.TrimSuffix(g.GetUfsPath(), g.GetPath()), strings.TrimSuffix(r.GetUfsPath(), r.GetPath())
		return
	}
	if g, ok := got.Interface().(*pb.WorkerInfo); ok {
		s.workers[recorded.Interface().(*pb.WorkerInfo).GetId()] = g.GetId()
		return
	}
	recorded.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap() || !got.Has(f):
		case f.IsList():
			for i := range min(v.List().Len(), got.Get(f).List().Len()) {
				s.learn(got.Get(f).List().Get(i).Message(), v.List().Get(i).Message())
			}
		default:
			s.learn(got.Get(f).Message(), v.Message())
		}
		return true
	})
}

// level takes out of a message what is a cluster's own.
func (s *sameness) level(m protoreflect.Message, id func(int64) int64) {
	if info, ok := m.Interface().(*pb.FileInfo); ok && info.GetCompleted() && info.GetPersistenceState() == "TO_BE_PERSISTED" {
		info.PersistenceState, info.Persisted = proto.String("PERSISTED"), proto.Bool(true) // which it is sooner or later
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case own[f.Name()]:
			m.Clear(f)
		case f.Name() == "ufsPath":
			m.Set(f, protoreflect.ValueOfString(filepath.Base(v.String())))
		case f.Name() == "fileId" || f.Name() == "blockId":
			m.Set(f, protoreflect.ValueOfInt64(id(v.Int())))
		case f.Name() == "blockIds":
			mapAll(v.List(), id)
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				s.level(v.List().Get(i).Message(), id)
			}
		default:
			s.level(v.Message(), id)
		}
		return true
	})
}

// messageOf is an empty request or reply of a call.
func messageOf(t *testing.T, method string, request bool) proto.Message {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	must(t, err)
	of := d.(protoreflect.MethodDescriptor).Output()
	if request {
		of = d.(protoreflect.MethodDescriptor).Input()
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	must(t, err)
	return kind.New().Interface()
}
