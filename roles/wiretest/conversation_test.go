package wiretest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/roles/worker"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// What an official client and a cluster said to each other lies in testdata/recorded, one file a conversation, an event a line:
//
//	call N PLACE METHOD ID  the client begins call N: to the master, or to the worker, on the channel that has the id; with no id, if it says none
//	N > HEX               the client sends a message
//	N chunk OFFSET LENGTH the client sends a message with so many bytes of what it writes, which is written
//	N half                the client sends no more
//	N < HEX               the client is sent a message
//	N data LENGTH SHA256  the client is sent all these bytes of a block, in whatever frames
//	N end CODE "TEXT"     the call ends; CODE is gRPC's number
//	N left                the client leaves the call
//
// Lines that begin with # are for people. make record writes the files anew, by the Python clients that tools/clients installs;
// go test ./roles/wiretest -run Record/simple -record FOLDER, with the folder where those are, only one of them.

// event is a line of a conversation.
type event struct {
	call int
	verb string // call, >, chunk, half, <, data, end, left
	// Of a call.
	place, method, channel string
	// Of a message.
	message []byte
	// Of a chunk.
	offset int64
	// Of a chunk and of data.
	length int64
	sha    string
	// Of an end.
	code uint32
	text string
}

func (e event) String() string {
	switch e.verb {
	case "call":
		return strings.TrimSpace(fmt.Sprintf("call %d %s %s %s", e.call, e.place, e.method, e.channel))
	case "chunk":
		return fmt.Sprintf("%d chunk %d %d", e.call, e.offset, e.length)
	case ">", "<":
		return fmt.Sprintf("%d %s %x", e.call, e.verb, e.message)
	case "data":
		return fmt.Sprintf("%d data %d %s", e.call, e.length, e.sha)
	case "end":
		return fmt.Sprintf("%d end %d %q", e.call, e.code, e.text)
	}
	return fmt.Sprintf("%d %s", e.call, e.verb)
}

func parseEvent(line string) (e event, err error) {
	words := strings.SplitN(line, " ", 4)
	if words[0] == "call" && len(words) == 4 {
		e.call, err = strconv.Atoi(words[1])
		e.verb, e.place = "call", words[2]
		e.method, e.channel, _ = strings.Cut(words[3], " ")
		return e, err
	}
	if e.call, err = strconv.Atoi(words[0]); err != nil || len(words) < 2 {
		return e, fmt.Errorf("no event: %q", line)
	}
	e.verb = words[1]
	switch {
	case (e.verb == "half" || e.verb == "left") && len(words) == 2:
	case (e.verb == ">" || e.verb == "<") && len(words) == 2: // an empty message
	case (e.verb == ">" || e.verb == "<") && len(words) == 3:
		e.message, err = hex.DecodeString(words[2])
	case e.verb == "chunk" && len(words) == 4:
		if e.offset, err = strconv.ParseInt(words[2], 10, 64); err == nil {
			e.length, err = strconv.ParseInt(words[3], 10, 64)
		}
		if err == nil {
			e.message, err = writeOf(e.offset, e.length)
		}
	case e.verb == "data" && len(words) == 4:
		e.length, err = strconv.ParseInt(words[2], 10, 64)
		e.sha = words[3]
	case e.verb == "end" && len(words) == 4:
		var code uint64
		if code, err = strconv.ParseUint(words[2], 10, 32); err == nil {
			e.code = uint32(code)
			e.text, err = strconv.Unquote(words[3])
		}
	default:
		err = fmt.Errorf("no event: %q", line)
	}
	return e, err
}

func readConversation(t *testing.T, path string) (events []event) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 8<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " ")
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseEvent(line)
		if err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
		events = append(events, e)
	}
	must(t, lines.Err())
	return events
}

// written is what recorded clients write: each file is its beginning.
func written() []byte { return sha3.SumSHAKE128([]byte("written"), 512<<10) }

// writeOf is the message by which a client writes a part of it.
func writeOf(offset, length int64) ([]byte, error) {
	all := written()
	if offset < 0 || length < 0 || offset > int64(len(all)) || length > int64(len(all))-offset {
		return nil, fmt.Errorf("%d bytes at %d of %d", length, offset, len(all))
	}
	return proto.Marshal(&pb.WriteRequest{Value: &pb.WriteRequest_Chunk{Chunk: &pb.Chunk{Data: all[offset : offset+length]}}})
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// scene is the cluster that conversations are with: a master and a worker over a folder, where clients look for them.
type scene struct {
	net  *wire.Memory
	root string
}

const (
	sceneMaster = "127.0.0.1:9200"
	sceneWorker = "127.0.0.1:9203"
)

func newScene(t *testing.T, scheme auth.Scheme) *scene {
	t.Helper()
	gate, login := auth.Options{Scheme: scheme}, auth.Login{Scheme: scheme, User: auth.ProcessUser()}
	s := &scene{net: wire.NewMemory(), root: filepath.Join(t.TempDir(), "root")}
	for name, data := range map[string][]byte{"files/small": bytesOf(300), "files/empty": nil, "files/large": bytesOf(2*blockSize + blockSize/2), "tree/a/b": []byte("b"), "tree/c": []byte("c")} {
		path := filepath.Join(s.root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, data, 0o644))
	}
	m, err := master.Start(master.Options{
		Name: "127.0.0.1", Masters: []master.Member{{Address: sceneMaster, Journal: "127.0.0.1:9202"}},
		JournalDir: filepath.Join(t.TempDir(), "journal"), MetaDir: filepath.Join(t.TempDir(), "metastore"),
		RootUFS: s.root, BlockSize: blockSize, SyncInterval: -1, Version: "test", Network: s.net.Host("127.0.0.1"),
		Election: 300 * time.Millisecond, Heartbeat: 30 * time.Millisecond, Auth: gate,
	})
	must(t, err)
	t.Cleanup(func() { m.Close() })
	w, err := worker.Start(worker.Options{
		Host: "127.0.0.1", Port: 9203, Masters: []string{sceneMaster}, Report: 50 * time.Millisecond, Network: s.net.Host("127.0.0.1"), Auth: gate, Login: login,
		Cache: blockcache.Options{Tiers: []blockcache.Tier{{Alias: "SSD", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 1 << 30}}}}},
	})
	must(t, err)
	t.Cleanup(func() { w.Close() })
	f, err := client.New(client.Config{Masters: []string{sceneMaster}, Network: s.net.Host("client"), Login: login})
	must(t, err)
	defer f.Close()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		workers, err := f.Workers(t.Context())
		if err == nil && len(workers) == 1 && workers[0].Live {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("no worker: %v, %v", workers, err)
		}
	}
}

// address is where a place of a call is.
func address(place string) string {
	if place == "worker" {
		return sceneWorker
	}
	return sceneMaster
}
