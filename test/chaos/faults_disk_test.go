package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// diskFaults happen to disks.
func diskFaults() []fault {
	return []fault{
		{name: "fsync-fails", what: "fsync of a master says EIO: the process ends, and is started again", tools: []string{"strace"}, mayEnd: true, inject: failSync},
		{name: "fsync-slow", what: "every fsync of a master takes 0.2 s longer", tools: []string{"strace"}, inject: slowSync},
		{name: "fsync-sick", what: "every fsync of the leader takes more than a second: another leads", tools: []string{"strace"}, inject: sickSync},
		{name: "disk-full", what: "a master's disk is full for 1–3 s", disk: memory, inject: fillDisk,
			properties: []string{"goosefs.master.journal.checkpoint.period.entries=1000"}},
		{name: "power-cut", what: "one master's power fails", tools: []string{"mkfs.ext4"}, disk: device, inject: cutPower},
		{name: "power-cut-all", what: "the power of all masters fails", tools: []string{"mkfs.ext4"}, disk: device, inject: cutAllPower},
		{name: "torn-write", what: "SIGKILL, and the last write of the journal was half done", inject: tearWrite},
	}
}

// trace attaches strace to a master and has it inject what a rule says, such as "fsync,fdatasync:error=EIO". end
// detaches it, if the master lives, and says how many calls it met.
func trace(s *story, m *master, rule string) (end func() int, err error) {
	p := m.running()
	if p == nil {
		return nil, fmt.Errorf("%s does not run", m.host.name)
	}
	calls, _, _ := strings.Cut(rule, ":")
	out := filepath.Join(s.dir, "strace")
	cmd := exec.Command("strace", "-f", "-qq", "-o", out, "-e", "trace="+calls, "-e", "inject="+rule, "-p", fmt.Sprint(p.pid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	end = func() int {
		cmd.Process.Signal(syscall.SIGINT)
		<-ended
		said, _ := os.ReadFile(out)
		os.Remove(out)
		return strings.Count(string(said), "(INJECTED)") + strings.Count(string(said), "(DELAYED)")
	}
	for until := time.Now().Add(5 * time.Second); !traced(p.pid()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			end()
			return nil, errors.New("strace does not attach")
		}
	}
	return end, nil
}

func traced(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, tracer, _ := strings.Cut(string(status), "TracerPid:\t")
	return tracer != "" && !strings.HasPrefix(tracer, "0\n")
}

// failSync: the master must end by itself, soon, with an error.
func failSync(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(3) == 0 {
			m = s.any()
		}
		p := m.running()
		end, err := trace(s, m, fmt.Sprintf("fsync,fdatasync:error=EIO:when=%d+", 1+s.rng.IntN(20)))
		if err != nil {
			return err
		}
		m.expect()
		died := p.ends(8 * time.Second)
		met := end()
		switch {
		case met == 0:
		case !died:
			return fmt.Errorf("%s goes on after a failed fsync", m.host.name)
		case p.cmd.ProcessState.ExitCode() != 1:
			return fmt.Errorf("%s ended with code %d after a failed fsync", m.host.name, p.cmd.ProcessState.ExitCode())
		default:
			s.injected++
		}
		s.pause(0, time.Second)
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

func slowSync(s *story) error {
	for s.pause(200*time.Millisecond, 500*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(3) == 0 {
			m = s.any()
		}
		end, err := trace(s, m, "fsync,fdatasync:delay_exit=200000")
		if err != nil {
			return err
		}
		s.hold(time.Second, 3*time.Second)
		if end() > 0 {
			s.injected++
		}
	}
	return nil
}

// yields is within what time a leader with a sick disk has to let another lead: ten seconds of slow syncs, and some.
const yields = 30 * time.Second

func sickSync(s *story) error {
	m := s.leader()
	if m == nil {
		return nil
	}
	end, err := trace(s, m, "fsync,fdatasync:delay_exit=1200000")
	if err != nil {
		return err
	}
	defer end()
	for until := time.Now().Add(yields); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if now := s.cluster.leader(context.Background()); now != nil && now != m {
			s.injected++
			return nil
		}
	}
	return fmt.Errorf("%s leads on, with a disk that takes 1.2 s for a sync", m.host.name)
}

// fillDisk: the master goes on, and says no to changes if it leads.
func fillDisk(s *story) error {
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(3) == 0 {
			m = s.any()
		}
		if err := m.disk.fill(); err != nil {
			return err
		}
		s.injected++
		s.hold(time.Second, 3*time.Second)
		if err := m.disk.release(); err != nil {
			return err
		}
	}
	return nil
}

func cutPower(s *story) error {
	for s.pause(300*time.Millisecond, 1200*time.Millisecond) {
		m := s.leader()
		if m == nil {
			break
		}
		if s.rng.IntN(2) == 0 {
			m = s.any()
		}
		if err := s.blackout(m); err != nil {
			return err
		}
	}
	return nil
}

func cutAllPower(s *story) error {
	for s.pause(800*time.Millisecond, 2*time.Second) {
		if err := s.blackout(s.shuffled()...); err != nil {
			return err
		}
	}
	return nil
}

// blackout cuts the power of masters and their disks, and restores it after a while. The processes stop first: one that
// ran on could be told that something is on its disk while that is being shut down (ext4 says so then), and tell others.
func (s *story) blackout(masters ...*master) error {
	for _, m := range masters {
		m.expect()
		if err := m.freeze(); err != nil {
			return err
		}
	}
	for _, m := range masters {
		if err := m.disk.cutPower(); err != nil {
			return err
		}
	}
	for _, m := range masters {
		m.kill()
	}
	s.injected++
	s.pause(0, 500*time.Millisecond)
	for _, m := range masters {
		if err := errors.Join(m.disk.restore(), m.start()); err != nil {
			return err
		}
	}
	return nil
}

// tearWrite makes the journal end as it does when a machine stops in the middle of a write that nobody was told of.
func tearWrite(s *story) error {
	const cutOff = "a write that was never finished"
	for s.pause(300*time.Millisecond, time.Second) {
		m := s.any()
		before := m.logged(cutOff)
		m.kill()
		if err := tear(m, s.rng); err != nil {
			return err
		}
		if err := m.start(); err != nil {
			return err
		}
		for until := time.Now().Add(10 * time.Second); m.logged(cutOff) == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) || m.endedAlone() {
				return fmt.Errorf("%s does not cut a torn write off", m.host.name)
			}
		}
		s.injected++
	}
	return nil
}

// tear writes some sectors of a record, but not all, behind the last record of a journal.
func tear(m *master, rng *rand.Rand) error {
	segments, err := filepath.Glob(filepath.Join(m.disk.dir, "journal", "log-*", "*.wal"))
	if err != nil || len(segments) == 0 {
		return errors.Join(fmt.Errorf("%s has no journal", m.host.name), err)
	}
	f, err := os.OpenFile(slices.Max(segments), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := endOfRecords(f)
	if err != nil {
		return err
	}
	record := entryRecord(rng, 2000)
	first := sector - end%sector // the length of its part in the sector that it begins in
	lost := first + sector*rng.Int64N(2)
	for at, n := int64(0), first; at < int64(len(record)); at, n = at+n, sector {
		n = min(n, int64(len(record))-at)
		last := at+n == int64(len(record))
		if at != lost && (last || rng.IntN(2) == 0) {
			if _, err := f.WriteAt(record[at:at+n], end+at); err != nil {
				return err
			}
		}
	}
	return nil
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// entryRecord is a record of etcd's write-ahead log: its length, then the fields type (an entry), checksum and data,
// filled up to eight bytes.
func entryRecord(rng *rand.Rand, size int) []byte {
	body := []byte{1 << 3, 2, 2 << 3, 0x7f, 3<<3 | 2}
	body = binary.AppendUvarint(body, uint64(size))
	for range size {
		body = append(body, byte(1+rng.IntN(255)))
	}
	length := uint64(len(body))
	if padding := (8 - length%8) % 8; padding != 0 {
		length |= (0x80 | padding) << 56
		body = append(body, make([]byte, padding)...)
	}
	return append(binary.LittleEndian.AppendUint64(nil, length), body...)
}

// endOfRecords is where the zeros begin that a segment is allocated with.
func endOfRecords(r io.ReaderAt) (at int64, err error) {
	for {
		var header [8]byte
		if _, err := r.ReadAt(header[:], at); err != nil && err != io.EOF {
			return 0, err
		}
		length := int64(binary.LittleEndian.Uint64(header[:]) &^ (0xff << 56))
		if length == 0 {
			return at, nil
		}
		at += 8 + (length+7)/8*8
	}
}
