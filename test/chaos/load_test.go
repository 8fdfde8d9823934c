package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/test/model"
)

const (
	patient   = 40 * time.Second       // how long most calls may take: any fault is over by then
	hasty     = 700 * time.Millisecond // how long some calls may take, whose callers then do not know what happened
	longPause = 20 * time.Millisecond  // between two operations of a client, at most
	mostOpen  = 3                      // changes below one top directory whose outcome is unknown, or the check takes for ever
)

// load is clients that ask for operations on a few names, and what they were told.
type load struct {
	cluster *cluster
	history *model.History
	seed    uint64
	clients int
	tops    []string
	stop    chan struct{} // closed: no more operations are begun
	wg      sync.WaitGroup

	mu struct {
		sync.Mutex
		acks    []time.Time // when an operation's outcome was told
		refused map[syscall.Errno]int
		wrong   []error // answers that no client should get
		serial  int64
	}
}

// newLoad is eight clients below four top directories or, in some histories, four clients below one: then all that
// happens is about the same names.
func newLoad(c *cluster, seed uint64) *load {
	l := &load{cluster: c, history: new(model.History), seed: seed, clients: 8, stop: make(chan struct{}), tops: []string{"/t0", "/t1", "/t2", "/t3"}}
	if seed%8 == 0 {
		l.clients, l.tops = 4, l.tops[:1]
	}
	l.mu.refused = make(map[syscall.Errno]int)
	return l
}

// begin makes the top directories and starts the clients.
func (l *load) begin(ctx context.Context) error {
	for _, top := range l.tops {
		if err := l.cluster.control.Mkdir(ctx, top, client.MkdirOptions{CacheOnly: true}); err != nil {
			return err
		}
	}
	for i := range l.clients {
		fs, err := l.cluster.client()
		if err != nil {
			return err
		}
		l.wg.Go(func() {
			defer fs.Close()
			l.run(fs, i)
		})
	}
	return nil
}

// end waits until all that was begun has been answered.
func (l *load) end() {
	close(l.stop)
	l.wg.Wait()
}

// run is one client. Every fourth is hasty.
func (l *load) run(fs *client.FS, number int) {
	rng := rand.New(rand.NewPCG(l.seed, uint64(number)))
	impatient := number%4 == 3
	for {
		in := l.random(rng)
		limit := patient
		if impatient && l.history.Open(top(in.Path)) < mostOpen {
			limit = hasty
		}
		pause := rng.Int64N(int64(longPause))
		if l.ask(fs, number, in, limit).Unknown {
			number += l.clients // as far as anybody can tell, it still does what it did: another goes on
			pause = int64(time.Second)
		}
		select {
		case <-time.After(time.Duration(pause)):
		case <-l.stop:
			return
		}
	}
}

// ask has a client do in, and records it.
func (l *load) ask(fs *client.FS, number int, in model.Input, limit time.Duration) model.Output {
	return l.history.Do(number, in, func() model.Output {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		out, err := perform(ctx, fs, in)
		out, wrong := outcome(out, err)
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case wrong != nil:
			l.mu.wrong = append(l.mu.wrong, fmt.Errorf("%s: %w", in, wrong))
		case out.Refused:
			l.mu.refused[out.Err]++
		case !out.Unknown:
			l.mu.acks = append(l.mu.acks, time.Now())
		}
		return out
	})
}

// top is the top directory of a path.
func top(p string) string {
	for path.Dir(p) != "/" {
		p = path.Dir(p)
	}
	return p
}

// names are all that is ever made below a top directory.
var names = []string{"a", "b", "c", "d", "e", "d/x", "d/y", "e/x", "e/y", "d/d", "d/d/z"}

// mix is how often what is asked.
var mix = []model.Kind{
	model.Stat, model.Stat, model.Stat, model.Stat, model.List, model.List,
	model.Create, model.Create, model.Create, model.Create, model.Complete, model.Complete,
	model.Mkdir, model.Mkdir, model.Remove, model.Remove, model.Rename, model.Rename, model.SetMode,
}

func (l *load) random(rng *rand.Rand) model.Input {
	l.mu.Lock()
	l.mu.serial++
	serial := l.mu.serial
	l.mu.Unlock()
	top := l.tops[rng.IntN(len(l.tops))]
	any := func() string { return top + "/" + names[rng.IntN(len(names))] }
	in := model.Input{Kind: mix[rng.IntN(len(mix))], Path: any()}
	switch in.Kind {
	case model.Create, model.Mkdir, model.SetMode:
		in.Mode = uint32(serial%0o777) + 1
	case model.Complete:
		in.Length = serial
	case model.Remove:
		in.Recursive = rng.IntN(2) == 0
	case model.Rename:
		in.To = any()
	case model.List:
		in.Path = top + []string{"", "/d", "/e"}[rng.IntN(3)]
	}
	return in
}

// perform does in, through the client that everything else uses too.
func perform(ctx context.Context, fs *client.FS, in model.Input) (out model.Output, err error) {
	var info client.Info
	switch in.Kind {
	case model.Create:
		info, err = fs.Create(ctx, in.Path, client.CreateOptions{Mode: in.Mode})
		out.Entry = entry(info)
	case model.Complete:
		err = fs.Complete(ctx, in.Path, in.Length)
	case model.Mkdir:
		err = fs.Mkdir(ctx, in.Path, client.MkdirOptions{Mode: in.Mode, CacheOnly: true})
	case model.Remove:
		err = fs.Remove(ctx, in.Path, client.RemoveOptions{Recursive: in.Recursive})
	case model.Rename:
		err = fs.Rename(ctx, in.Path, in.To)
	case model.SetMode:
		err = fs.Chmod(ctx, in.Path, in.Mode)
	case model.Stat:
		info, err = fs.Stat(ctx, in.Path, client.StatOptions{})
		out.Entry = entry(info)
	case model.List:
		out.Entries = []model.Entry{}
		for info, failed := range fs.List(ctx, in.Path, client.StatOptions{}) {
			if err = failed; err == nil {
				out.Entries = append(out.Entries, entry(info))
			}
		}
	}
	return out, err
}

func entry(i client.Info) model.Entry {
	return model.Entry{Name: i.Name, ID: i.ID, Dir: i.Dir, Complete: i.Completed, Length: i.Length, Mode: i.Mode}
}

// aboutNames are the errors by which masters say that the names do not allow what was asked.
var aboutNames = []syscall.Errno{syscall.ENOENT, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ENOTDIR, syscall.EISDIR, syscall.EINVAL, syscall.EBUSY}

// outcome is what err tells the caller. wrong is an error that masters must not answer: what they promise has no place
// for it.
func outcome(out model.Output, err error) (told model.Output, wrong error) {
	var errno syscall.Errno
	switch {
	case err == nil:
		return out, nil
	case !errors.As(err, &errno):
		return model.Output{Unknown: true}, err
	case slices.Contains(aboutNames, errno):
		return model.Output{Err: errno}, nil
	case errno == syscall.ETIMEDOUT || errno == syscall.EAGAIN:
		return model.Output{Unknown: true}, nil
	case errno == syscall.ENOSPC:
		return model.Output{Refused: true, Err: errno}, nil
	}
	return model.Output{Refused: true, Err: errno}, err
}

// longestGap is the longest time between begin and end during which nobody was told anything.
func (l *load) longestGap(begin, end time.Time) (longest time.Duration, at time.Time) {
	l.mu.Lock()
	acks := slices.SortedFunc(slices.Values(l.mu.acks), time.Time.Compare)
	l.mu.Unlock()
	before := begin
	for _, ack := range append(acks, end) {
		if ack.Before(begin) || ack.After(end) {
			continue
		}
		if gap := ack.Sub(before); gap > longest {
			longest, at = gap, before
		}
		before = ack
	}
	return longest, at
}

// answered counts the answers since a moment.
func (l *load) answered(since time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ack := range l.mu.acks {
		if ack.After(since) {
			n++
		}
	}
	return n
}

// look asks for every name once more, when all is well.
func (l *load) look() error {
	fs, err := l.cluster.client()
	if err != nil {
		return err
	}
	defer fs.Close()
	for _, top := range l.tops {
		for _, in := range append(looks(top), model.Input{Kind: model.List, Path: top}) {
			if out := l.ask(fs, 0, in, patient); out.Unknown || out.Refused {
				return fmt.Errorf("when all was well again: %s: %s", in, out)
			}
		}
	}
	return nil
}

func looks(top string) (list []model.Input) {
	for _, name := range names {
		list = append(list, model.Input{Kind: model.Stat, Path: top + "/" + name})
	}
	return list
}
