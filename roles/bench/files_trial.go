package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dataKind is which files a trial is about.
type dataKind int

const (
	noData dataKind = iota
	largeData
	smallData
)

// Phases of the files: what the kernel knows of them when they are read.
const (
	coldPhase      = "cold"
	mountColdPhase = "mount-cold" // nothing of the first folder's, all of that to compare
	warmPhase      = "warm"
)

// once says whether a phase reads no byte twice.
func once(phase string) bool { return phase != warmPhase }

// step does one thing: the n-th of its job. It tells how many bytes or names that gave, and false when there is nothing
// left to do.
type step func(n int64) (amount int64, more bool, err error)

// job is what one thread of a trial does. end may be nil.
type job struct {
	step step
	end  func()
}

// place is which job it is: the job-th of so many, in which run.
type place struct{ run, job, jobs int }

// trial is one line of the result.
type trial struct {
	operation string
	jobs      int
	phase     string // "" where nothing is read
	unit      unit
	kind      dataKind
	reads     bool // its amounts are bytes
	whole     bool // it goes on until nothing is left, whatever the time
	// begin prepares one job of a run. It returns before the clock starts.
	begin func(s *side, at place) (job, error)
}

// unit is what a trial counts.
type unit struct {
	name string
	per  float64 // amounts that are one of the unit
	// amounts counts what steps say they gave; otherwise steps are counted.
	amounts bool
}

func megabytes() unit         { return unit{"MB/s", 1e6, true} }
func steps(name string) unit  { return unit{name, 1, false} }
func listed(name string) unit { return unit{name, 1, true} }

// group is trials that are done one after the other in each run, because one needs what the other made.
type group []trial

// groups are all trials that were asked for, in their order, and those that cannot be done, with the reason.
func (o FilesOptions) groups(whyNotWritten string) (all []group, left []LeftOut) {
	add := func(name, phase string, jobs []int, t trial) {
		if !o.wants(name) {
			return
		}
		needsNames := name == "stat" || name == "open" || name == "readdir" || name == "list"
		if needsNames && (phase == mountColdPhase || phase == coldPhase && !o.DropCaches) {
			left = append(left, LeftOut{t.operation + ", " + phase, "the kernel forgets names only with --drop-caches, of all folders"})
			return
		}
		t.phase = phase
		for _, t.jobs = range jobs {
			all = append(all, group{t})
		}
	}
	for _, phase := range o.Phases {
		once := once(phase)
		add("sequential", phase, o.Jobs, o.sequential(once))
		add("random", phase, o.RandomJobs, o.random(once))
	}
	for _, phase := range o.Phases {
		once := once(phase)
		add("files", phase, o.Readers, o.wholeFiles(once))
		add("stat", phase, o.Readers, o.eachName(once, "stat", statName))
		add("open", phase, o.Readers, o.eachName(once, "open + close", openName))
		add("readdir", phase, o.Readers, o.lists(once, "readdir", countNames))
		add("list", phase, o.Readers, o.lists(once, "readdir + stat", statNames))
	}
	switch {
	case o.wants("create") && whyNotWritten != "":
		left = append(left, LeftOut{"create, unlink", whyNotWritten})
	case o.wants("create"):
		for _, n := range o.Readers {
			all = append(all, o.creates(n))
		}
	}
	return all, left
}

// sequential reads each job's part of the large file, block after block, once or again and again.
func (o FilesOptions) sequential(once bool) trial {
	return trial{operation: "read " + bytesText(o.Block) + " sequential", unit: megabytes(), kind: largeData, reads: true,
		begin: func(s *side, at place) (job, error) {
			blocks := blocksOf(s.layout.Size, o.Block)
			first, end := blocks*int64(at.job)/int64(at.jobs), blocks*int64(at.job+1)/int64(at.jobs)
			if first == end { // more jobs than blocks
				return job{step: func(int64) (int64, bool, error) { return 0, false, nil }}, nil
			}
			return s.reader(o.Block, func(n int64) (int64, bool) { return first + n%(end-first), !once || n < end-first })
		}}
}

// shuffledUpTo is how many numbers are shuffled in memory, so that none comes twice. Of more they are drawn: in the few
// seconds of a run hardly any comes twice.
const shuffledUpTo = 1 << 22

// order is in which order a run takes count things: the same on all sides, another in each run.
func order(run int, count int64) func(n int64) int64 {
	r := rand.New(rand.NewPCG(uint64(run), uint64(count)))
	if count > shuffledUpTo {
		return func(int64) int64 { return r.Int64N(count) }
	}
	numbers := r.Perm(int(count))
	return func(n int64) int64 { return int64(numbers[n%count]) }
}

// random reads blocks of the large file, each job others.
func (o FilesOptions) random(once bool) trial {
	return trial{operation: "read " + bytesText(o.RandomBlock) + " random", unit: steps("IOPS"), kind: largeData, reads: true,
		begin: func(s *side, at place) (job, error) {
			blocks := max(1, s.layout.Size/o.RandomBlock) // the last one is whole
			if blocks > shuffledUpTo {
				draw := order(at.run*at.jobs+at.job, blocks)
				return s.reader(o.RandomBlock, func(n int64) (int64, bool) { return draw(n), !once || n < blocks/int64(at.jobs) })
			}
			number := order(at.run, blocks)
			return s.reader(o.RandomBlock, func(n int64) (int64, bool) {
				i := n*int64(at.jobs) + int64(at.job)
				return number(i), !once || i < blocks
			})
		}}
}

func blocksOf(size, block int64) int64 { return (size + block - 1) / block }

// reader is a job that reads blocks of the large file, in the order that next says.
func (s *side) reader(block int64, next func(n int64) (i int64, more bool)) (job, error) {
	name := s.large()
	fd, err := openFile(name)
	if err != nil {
		return job{}, err
	}
	buffer := make([]byte, block)
	return job{
		step: func(n int64) (int64, bool, error) {
			i, more := next(n)
			if !more {
				return 0, false, nil
			}
			part := buffer[:min(block, s.layout.Size-i*block)]
			return int64(len(part)), true, readFull(fd, part, i*block, name)
		},
		end: func() { unix.Close(fd) },
	}, nil
}

// wholeFiles opens, reads and closes small files.
func (o FilesOptions) wholeFiles(once bool) trial {
	return trial{operation: "read files of " + bytesText(o.Layout.FileSize), unit: steps("files/s"), kind: smallData, reads: true,
		begin: func(s *side, at place) (job, error) {
			buffer := make([]byte, s.layout.FileSize)
			return s.eachFile(at, once, func(name string) (int64, error) {
				fd, err := openFile(name)
				if err != nil {
					return 0, err
				}
				err = readFull(fd, buffer, 0, name)
				return int64(len(buffer)), errors.Join(err, unix.Close(fd))
			})
		}}
}

// eachName does something with the name of small files.
func (o FilesOptions) eachName(once bool, operation string, do func(s *side, name string) error) trial {
	return trial{operation: operation, unit: steps("per second"), kind: smallData,
		begin: func(s *side, at place) (job, error) {
			return s.eachFile(at, once, func(name string) (int64, error) { return 0, do(s, name) })
		}}
}

// eachFile is a job that takes small files in random order, once or again and again.
func (s *side) eachFile(at place, once bool, do func(name string) (int64, error)) (job, error) {
	number := order(at.run, s.layout.Files)
	return job{step: func(n int64) (int64, bool, error) {
		i := n*int64(at.jobs) + int64(at.job)
		if once && i >= s.layout.Files {
			return 0, false, nil
		}
		amount, err := do(s.names[number(i)])
		return amount, true, err
	}}, nil
}

func statName(s *side, name string) error {
	var st unix.Stat_t
	for {
		switch err := unix.Stat(name, &st); {
		case err == unix.EINTR:
			continue
		case err != nil:
			return &fs.PathError{Op: "stat", Path: name, Err: err}
		case st.Size != s.layout.FileSize:
			return fmt.Errorf("%s has %d bytes, not %d", name, st.Size, s.layout.FileSize)
		}
		return nil
	}
}

func openName(_ *side, name string) error {
	fd, err := openFile(name)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// lists opens, lists and closes directories.
func (o FilesOptions) lists(once bool, operation string, list func(dir string, buffer []byte) (names int64, err error)) trial {
	return trial{operation: operation, unit: listed("names/s"), kind: smallData,
		begin: func(s *side, at place) (job, error) {
			count := s.layout.directories()
			number, buffer := order(at.run, count), make([]byte, 64<<10)
			return job{step: func(n int64) (int64, bool, error) {
				i := n*int64(at.jobs) + int64(at.job)
				if once && i >= count {
					return 0, false, nil
				}
				i = number(i)
				dir := s.layout.directory(s.root, i)
				names, err := list(dir, buffer)
				if want := s.layout.inDirectory(i); err == nil && names != want {
					err = fmt.Errorf("%s lists %d names, not %d", dir, names, want)
				}
				return names, true, err
			}}, nil
		}}
}

// creates makes empty files, and unlinks them.
func (o FilesOptions) creates(jobs int) group {
	made := make([]int64, jobs) // by each job of the run under way
	name := func(s *side, at place, n int64) string {
		return filepath.Join(s.work, fmt.Sprintf("r%d-j%d-%06d", at.run, at.job, n))
	}
	create := trial{operation: "create + close", jobs: jobs, unit: steps("per second"), kind: noData,
		begin: func(s *side, at place) (job, error) {
			made[at.job] = 0
			return job{step: func(n int64) (int64, bool, error) {
				if n*int64(at.jobs) >= s.layout.Files {
					return 0, false, nil
				}
				path := name(s, at, n)
				fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
				if err != nil {
					return 0, true, &fs.PathError{Op: "create", Path: path, Err: err}
				}
				made[at.job] = n + 1
				return 0, true, unix.Close(fd)
			}}, nil
		}}
	unlink := trial{operation: "unlink", jobs: jobs, unit: steps("per second"), kind: noData, whole: true,
		begin: func(s *side, at place) (job, error) {
			return job{step: func(n int64) (int64, bool, error) {
				if n >= made[at.job] {
					return 0, false, nil
				}
				path := name(s, at, n)
				if err := unix.Unlink(path); err != nil {
					return 0, true, &fs.PathError{Op: "unlink", Path: path, Err: err}
				}
				return 0, true, nil
			}}, nil
		}}
	return group{create, unlink}
}
