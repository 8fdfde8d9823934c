package metastore

import (
	"errors"
	"fmt"

	"goosefs/metastore/metapb"

	"google.golang.org/protobuf/proto"
)

// OpID is the id a caller gave to an operation, to be able to ask again without
// doing it twice. Zero is none.
type OpID [16]byte

// Header is what every command carries besides its own fields. The leader fills
// it in before the command enters the log.
type Header struct {
	OpID  OpID
	Time  int64 // ms since 1970, by the leader's clock: the "now" of the command
	User  string
	Group string // of the user; both own what the command creates
}

// Result is what a command did.
type Result struct {
	// Inode is the file or directory concerned as it is after the command; zero
	// where there is none left.
	Inode Inode
	// Path is where it is, in its one spelling.
	Path string
	// Removed are the ids of files that no longer exist, sorted: their blocks may
	// be freed. Ids of a large tree that was deleted come in the results of many
	// commands, so they are to be looked for in every result.
	Removed []int64
	// Unreaped: there is more to remove; Reap does it.
	Unreaped bool
	// Mount is the mount that was added, changed or removed.
	Mount Mount
	// Changed counts the entries that LoadEntries found new, changed or gone.
	Changed int64
}

// command is a decoded command. Its methods are in the file of its operation.
type command interface {
	// name is the Op of its errors.
	name() string
	head() Header
	// fill puts the body into the message.
	fill(*metapb.Command)
	// apply decides first and changes then: when it returns an error it has
	// changed nothing.
	apply(*tree) (*Result, error)
}

func (h Header) head() Header { return h }

// commandVersion rises when a command's meaning changes or it gets a field that
// an older program must not overlook.
const commandVersion = 1

func encode(c command) []byte {
	h := c.head()
	m := &metapb.Command{Version: commandVersion, TimeMs: h.Time, User: h.User, Group: h.Group}
	if h.OpID != (OpID{}) {
		m.OpId = h.OpID[:]
	}
	c.fill(m)
	return marshal(m)
}

// decode is the inverse of encode. It refuses what it does not know to the last
// field, as a member that ignored something would differ from the others.
func decode(b []byte) (command, error) {
	var m metapb.Command
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m.Version != commandVersion {
		return nil, fmt.Errorf("version %d, this program knows %d", m.Version, commandVersion)
	}
	h := Header{Time: m.TimeMs, User: m.User, Group: m.Group}
	if copy(h.OpID[:], m.OpId); len(m.OpId) != 0 && len(m.OpId) != len(h.OpID) {
		return nil, fmt.Errorf("operation id of %d bytes", len(m.OpId))
	}
	body := bodyOf(&m)
	if body == nil {
		return nil, errors.New("no body that this program knows")
	}
	for _, part := range []proto.Message{&m, body} {
		if unknown := part.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			return nil, fmt.Errorf("%d bytes of unknown fields", len(unknown))
		}
	}
	return commandOf(h, body), nil
}

func bodyOf(m *metapb.Command) proto.Message {
	switch b := m.Body.(type) {
	case *metapb.Command_CreateFile:
		return b.CreateFile
	case *metapb.Command_CompleteFile:
		return b.CompleteFile
	case *metapb.Command_CreateDirectory:
		return b.CreateDirectory
	case *metapb.Command_Delete:
		return b.Delete
	case *metapb.Command_Rename:
		return b.Rename
	case *metapb.Command_SetAttribute:
		return b.SetAttribute
	case *metapb.Command_AddMount:
		return b.AddMount
	case *metapb.Command_RemoveMount:
		return b.RemoveMount
	case *metapb.Command_UpdateMount:
		return b.UpdateMount
	case *metapb.Command_LoadEntries:
		return b.LoadEntries
	case *metapb.Command_Reap:
		return b.Reap
	case *metapb.Command_SetNamespace:
		return b.SetNamespace
	case *metapb.Command_CreateSymlink:
		return b.CreateSymlink
	case *metapb.Command_SetAcl:
		return b.SetAcl
	}
	return nil
}

func commandOf(h Header, body proto.Message) command {
	switch b := body.(type) {
	case *metapb.CreateFile:
		return createFileOf(h, b)
	case *metapb.CompleteFile:
		return completeFileOf(h, b)
	case *metapb.CreateDirectory:
		return createDirectoryOf(h, b)
	case *metapb.Delete:
		return deleteOf(h, b)
	case *metapb.Rename:
		return renameOf(h, b)
	case *metapb.SetAttribute:
		return setAttributeOf(h, b)
	case *metapb.AddMount:
		return addMountOf(h, b)
	case *metapb.RemoveMount:
		return removeMountOf(h, b)
	case *metapb.UpdateMount:
		return updateMountOf(h, b)
	case *metapb.LoadEntries:
		return loadEntriesOf(h, b)
	case *metapb.Reap:
		return Reap{Header: h}
	case *metapb.SetNamespace:
		return setNamespaceOf(h, b)
	case *metapb.CreateSymlink:
		return createSymlinkOf(h, b)
	case *metapb.SetACL:
		return setACLOf(h, b)
	}
	panic("metastore: a body without command: " + string(body.ProtoReflect().Descriptor().Name()))
}
