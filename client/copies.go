package client

import "golang.org/x/sync/errgroup"

// copies are streams of one block to as many workers: what fails on one fails.
type copies []*outStream

func (c copies) write(p []byte) error {
	for _, s := range c {
		if err := s.write(p); err != nil {
			return err
		}
	}
	return nil
}

// commit has all workers answer for all bytes. They sync at the same time.
func (c copies) commit() error {
	var all errgroup.Group
	for _, s := range c {
		all.Go(s.commit)
	}
	return all.Wait()
}

func (c copies) cancel() {
	for _, s := range c {
		s.cancel()
	}
}
