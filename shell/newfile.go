package shell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"goosefs/client"
	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

// writing is how a command writes files.
type writing struct {
	// named goes before the policy of a namespace, and otherwise comes behind it; one of the two is 0.
	named, otherwise client.WriteType
	buffer           int // bytes
}

// writeTypeProperty, given on the command line, is the type of what the command writes; in a file it is that of files for which no
// namespace has a policy.
const writeTypeProperty = "goosefs.user.file.writetype.default"

// writing reads the flags and the configuration of a command that writes files.
func (s *session) writing() (writing, error) {
	buffer, err := s.buffer()
	if err != nil {
		return writing{}, err
	}
	c, err := s.conf()
	if err != nil {
		return writing{}, err
	}
	name := c.String(writeTypeProperty)
	for _, kind := range []client.WriteType{client.MustCache, client.TryCache, client.CacheThrough, client.Through, client.AsyncThrough, client.None} {
		switch {
		case kind.String() != name:
		case c.FromCommandLine(writeTypeProperty):
			return writing{named: kind, buffer: buffer}, nil
		default:
			return writing{otherwise: kind, buffer: buffer}, nil
		}
	}
	return writing{}, usagef("%s: there is no write type %s", writeTypeProperty, name)
}

// bufferFlag is of commands that copy.
func bufferFlag() cli.Flag {
	return &cli.StringFlag{Name: "buffersize", Usage: "how much is read at a time", Value: "1MB"}
}

// buffer is what bufferFlag says, in bytes.
func (s *session) buffer() (int, error) {
	size, err := conf.ParseSize(s.flags.String("buffersize"))
	if err != nil {
		return 0, usagef("--buffersize: %v", err)
	}
	if size < 1 || size > 1<<30 {
		return 0, usagef("--buffersize: %s is not between 1B and 1GB", s.flags.String("buffersize"))
	}
	return int(size), nil
}

// fill makes a new file and has it filled. What fails leaves nothing.
func (w writing) fill(ctx context.Context, c cluster, path string, fill func(newFile) error) error {
	to, err := c.Create(ctx, path, client.CreateOptions{Recursive: true, Type: w.named, Default: w.otherwise})
	if err != nil {
		return err
	}
	if err = fill(to); err != nil {
		err = errors.Join(err, to.Cancel())
	} else {
		err = to.Close()
	}
	if err != nil {
		return fmt.Errorf("%s was not written: %w", path, err)
	}
	return nil
}

// pour copies all that can be read.
func pour(to io.Writer, from io.Reader, buffer int) error {
	_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, buffer))
	return err
}

// onlyReader hides a WriteTo, which would choose a buffer of its own.
type onlyReader struct{ io.Reader }
