package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// refusal checks that err names the path and the reason, and keeps an errno.
func refusal(t *testing.T, err error, errno syscall.Errno, path string, words ...string) {
	t.Helper()
	var named *fs.PathError
	if !errors.As(err, &named) || !strings.HasPrefix(named.Path, path) || !errors.Is(err, errno) {
		t.Fatalf("got %v, want an error of %s with %v", err, path, errno)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// journalOf returns the closed journal of a single member that holds the commands, and how to open it.
func journalOf(t *testing.T, cmds []string) (path string, cfg func() Config) {
	c := newCluster(t, 1, nil)
	for _, cmd := range cmds {
		c.propose(c.leader(), cmd)
	}
	c.kill(1)
	return filepath.Join(c.dir, "1", "journal", journalName(genesisIndex)), func() Config { return c.config(1) }
}

func TestForeignFolders(t *testing.T) {
	path, config := journalOf(t, []string{"x"})
	dir := filepath.Dir(path)
	cfg := config()
	cfg.ClusterID = 8
	_, err := Open(cfg)
	refusal(t, err, syscall.EINVAL, dir, "cluster 7", "cluster 8")
	cfg = config()
	cfg.ID = 2
	_, err = Open(cfg)
	refusal(t, err, syscall.EINVAL, dir, "member 1", "member 2")
	if err := os.Rename(path, filepath.Join(dir, "log-of-mine")); err != nil {
		t.Fatal(err)
	}
	_, err = Open(config())
	refusal(t, err, syscall.EINVAL, filepath.Join(dir, "log-of-mine"))
}

func TestLockedFolder(t *testing.T) {
	c := newCluster(t, 1, nil)
	defer c.close()
	_, err := Open(c.config(1))
	refusal(t, err, syscall.EBUSY, filepath.Join(c.dir, "1"), fmt.Sprintf("process %d uses it", os.Getpid()))
}

func TestBadConfigurations(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = []Member{{ID: 1, Address: "a"}, {ID: 2, Address: "b"}}
	for name, change := range map[string]func(*Config){
		"no id":            func(cfg *Config) { cfg.ID = 0 },
		"no folder":        func(cfg *Config) { cfg.Dir = "" },
		"no state machine": func(cfg *Config) { cfg.StateMachine = nil },
		"no transport":     func(cfg *Config) { cfg.Transport = nil },
		"election":         func(cfg *Config) { cfg.ElectionTicks, cfg.HeartbeatTicks = 3, 3 },
		"command":          func(cfg *Config) { cfg.MaxCommandBytes = 1 << 30 },
		"not a member":     func(cfg *Config) { cfg.ID = 3 },
		"twice":            func(cfg *Config) { cfg.Members = []Member{{ID: 1}, {ID: 1}} },
		"member 0":         func(cfg *Config) { cfg.Members = []Member{{ID: 1}, {ID: 0}} },
		"joins and founds": func(cfg *Config) { cfg.Join = true },
		"no members":       func(cfg *Config) { cfg.Members = nil },
	} {
		cfg := c.config(1)
		change(&cfg)
		if _, err := Open(cfg); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := c.config(1)
	cfg.Dir = filepath.Join(c.lists[1].path, "below", "a", "file")
	if err := os.WriteFile(c.lists[1].path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}

// One of journal and state machine was lost or replaced by an old copy.
func TestJournalAndStateDoNotFit(t *testing.T) {
	path, config := journalOf(t, numbered("c", 10))
	cfg := config()
	state := cfg.StateMachine.(*list)
	state.mu.durable = 50
	_, err := Open(cfg)
	refusal(t, err, syscall.EIO, path, "ends at entry", "50")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	_, err = Open(cfg)
	refusal(t, err, syscall.ENOENT, filepath.Dir(path), "missing", "50")

	c := newCluster(t, 1, often)
	for _, cmd := range numbered("c", 100) {
		c.propose(c.leader(), cmd)
	}
	c.close()
	if err := os.Remove(c.lists[1].path); err != nil {
		t.Fatal(err)
	}
	_, err = Open(c.config(1))
	refusal(t, err, syscall.EIO, c.dir, "begins behind entry", "only 0")
}

// A write that was cut off at any byte is repaired; everything before it is there.
func TestTornTail(t *testing.T) {
	cmds := numbered("command-", 12)
	path, config := journalOf(t, cmds)
	segment := filepath.Join(path, "0000000000000000-0000000000000000.wal")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(whole, "\x00"))
	for cut := end - 1; cut > end-600; cut-- {
		if err := os.WriteFile(segment, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := surveySegments(path)
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, end, err)
		}
		if cut%40 != 0 {
			continue
		}
		var lines bytes.Buffer
		cfg := config()
		cfg.Log = testLines(&lines)
		l, err := Open(cfg)
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, end, err)
		}
		if err := l.ReadIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := cfg.StateMachine.(*list).commands()
		if want := int(s.last) - genesisIndex - 1; want > len(cmds) || !slices.Equal(got, cmds[:want]) {
			t.Fatalf("cut at %d of %d: %q", cut, end, got)
		}
		if _, err := l.Propose(t.Context(), []byte("more")); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if s.tear != nil && !strings.Contains(lines.String(), fmt.Sprintf("offset=%d", s.tear.at)) {
			t.Errorf("the cut is not reported: %s", &lines)
		}
		if s, err := surveySegments(path); err != nil || s.tear != nil {
			t.Fatalf("after the repair: %v %v", s, err)
		}
	}
}

// Whatever single bit changes in a journal, Open either refuses it by name or finds everything.
func TestEveryBitFlip(t *testing.T) {
	cmds := numbered("command-", 6)
	path, _ := journalOf(t, cmds)
	segment := filepath.Join(path, "0000000000000000-0000000000000000.wal")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	good, err := surveySegments(path)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(whole, "\x00"))
	refused := 0
	for bit := range end * 8 {
		changed := slices.Clone(whole)
		changed[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(segment, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := surveySegments(path)
		if err != nil {
			refusal(t, err, syscall.EIO, segment, "damaged at byte")
			refused++
			continue
		}
		if s.tear != nil || s.last != good.last || len(s.marks) != len(good.marks) || s.state.GetTerm() != good.state.GetTerm() {
			t.Errorf("bit %d of byte %d (of %d): neither refused nor harmless: %+v", bit%8, bit/8, end, s)
		}
	}
	if refused < end*6 {
		t.Errorf("only %d of %d flips were refused", refused, end*8)
	}
}

func TestDamagedMiddleIsRefused(t *testing.T) {
	path, config := journalOf(t, numbered(strings.Repeat("x", 3000), 60))
	segments, err := filepath.Glob(filepath.Join(path, "*.wal"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("the story needs several segments: %v %v", segments, err)
	}
	for _, damage := range map[string]func(segment []byte){
		"changed byte": func(b []byte) { b[len(b)/2] ^= 0x40 },
		"zero sector":  func(b []byte) { clear(b[len(b)/2&^511 : len(b)/2&^511+512]) },
		"zero half":    func(b []byte) { clear(b[len(b)/2:]) },
		"all zero":     func(b []byte) { clear(b) },
	} {
		for _, segment := range segments[:2] {
			whole, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			changed := slices.Clone(whole)
			damage(changed)
			if err := os.WriteFile(segment, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(config())
			refusal(t, err, syscall.EIO, path, "damaged at byte")
			if err := os.WriteFile(segment, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	aside := segments[1] + ".aside"
	if err := os.Rename(segments[1], aside); err != nil {
		t.Fatal(err)
	}
	_, err = Open(config())
	refusal(t, err, syscall.EIO, path)
	if err := os.Rename(aside, segments[1]); err != nil {
		t.Fatal(err)
	}
	l, err := Open(config())
	if err != nil {
		t.Fatalf("unchanged again: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A gap of zeros was never written if nothing synced later lies behind it, and is damage otherwise.
func TestGapAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	state := func(commit uint64) *raftpb.HardState {
		return &raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(1)), Commit: new(commit)}
	}
	mark := &walpb.Snapshot{Index: new(uint64(1)), Term: new(uint64(1)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}
	if err := createJournal(zapLogger(Config{}.withDefaults().Log), path, header{}.encode(), state(1), mark); err != nil {
		t.Fatal(err)
	}
	j, _, err := openJournal(zapLogger(Config{}.withDefaults().Log), filepath.Dir(path), path, mark, hooks{})
	if err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(path, "0000000000000000-0000000000000000.wal")
	var ends []int
	index := uint64(1)
	for range 3 { // batches of three entries, 2 KiB each
		var entries []*raftpb.Entry
		for range 3 {
			index++
			data := make([]byte, 2048)
			for i := range data {
				data[i] = byte(rand.N(255) + 1)
			}
			entries = append(entries, &raftpb.Entry{Term: new(uint64(1)), Index: new(index), Data: data})
		}
		if err := j.save(state(index), entries); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(bytes.TrimRight(b, "\x00")))
	}
	if err := j.wal.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	for at := ends[0]/512*512 + 512; at+512 <= ends[2]; at += 512 {
		changed := slices.Clone(whole)
		clear(changed[at : at+512])
		if err := os.WriteFile(segment, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := surveySegments(path)
		switch {
		case at+512 <= ends[1]-64: // in the second batch, and not where its last record ends
			refusal(t, err, syscall.EIO, segment, "later ones were synced")
		case at >= ends[1]: // in the last one
			if err != nil || s.tear == nil || s.last >= index || s.last < index-3 {
				t.Errorf("gap at %d: %+v %v", at, s, err)
			}
		}
	}
}

func TestUnknownRecordsAreRefused(t *testing.T) {
	for name, rec := range map[string]*walpb.Record{
		"type":               {Type: new(int64(9))},
		"not an entry":       {Type: new(wal.EntryType), Data: []byte{0xff}},
		"entry without term": {Type: new(wal.EntryType), Data: encode(&raftpb.Entry{Index: new(uint64(6))})},
		"membership":         {Type: new(wal.EntryType), Data: encode(&raftpb.Entry{Index: new(uint64(6)), Term: new(uint64(3)), Type: raftpb.EntryConfChangeV2.Enum()})},
		"missing entries":    {Type: new(wal.EntryType), Data: encode(&raftpb.Entry{Index: new(uint64(7)), Term: new(uint64(3))})},
		"earlier term":       {Type: new(wal.StateType), Data: encode(&raftpb.HardState{Term: new(uint64(2))})},
		"not a mark":         {Type: new(wal.SnapshotType), Data: []byte{0xff}},
		"other head":         {Type: new(wal.MetadataType), Data: []byte("{}")},
	} {
		s := &survey{state: &raftpb.HardState{Term: new(uint64(3))}, last: 5, seen: true, header: []byte("ours")}
		if text := s.record(rec); text == "" {
			t.Errorf("%s: taken", name)
		}
	}
}

// The head of a record may lie in two sectors of which only the first reached the disk: what it says of its length is
// then a part of the truth, not damage.
func TestTornInTheHead(t *testing.T) {
	data := encode(&raftpb.Entry{Term: new(uint64(1)), Index: new(uint64(3)), Data: bytes.Repeat([]byte{7}, 3000)})
	for bits := range 32 { // the checksum is of any length
		body, err := proto.Marshal(&walpb.Record{Type: new(wal.EntryType), Crc: new(uint32(1) << bits), Data: data})
		if err != nil {
			t.Fatal(err)
		}
		padding := align(int64(len(body))) - len(body)
		frame := uint64(len(body))
		if padding > 0 {
			frame |= uint64(0x80|padding) << 56
		}
		record := append(append(binary.LittleEndian.AppendUint64(nil, frame), body...), make([]byte, padding)...)
		for left := frameBytes; left < sectorBytes; left += frameBytes {
			end := int64(sectorBytes - left)
			rest := make([]byte, 8<<10)
			copy(rest, record[:left])
			if got, text := judge(rest, end, io.ErrUnexpectedEOF); got != torn {
				t.Errorf("a checksum of %d bits, %d bytes written: %v %s", bits+1, left, got, text)
			}
		}
	}
}
