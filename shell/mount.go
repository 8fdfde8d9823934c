package shell

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func mountVerb() verb {
	return verb{
		name: "mount", args: "[--readonly] [--shared] [--option <key=val>] <path> <ufsURI>",
		summary: "mount an under file system at a path, or list what is mounted",
		about:   "Without arguments it lists the mounts. Values of options that look secret are shown as ******.",
		examples: []string{"goosefs fs mount", "goosefs fs mount --readonly /hbase https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/",
			"goosefs fs mount --option goosefs.underfs.web.connnection.timeout=10s /data http://example.org/data/"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("readonly", "let nobody write through this mount"),
				toggle("shared", "let all users of the cluster in"),
				&cli.GenericFlag{Name: "option", Usage: "a property of this mount, `key=val`; may be repeated", Value: options{}},
			}
		},
		max: 2,
		run: runMount,
	}
}

func runMount(ctx context.Context, s *session) error {
	if s.flags.NArg() == 1 {
		return usagef("Command mount takes 0 or 2 arguments, not 1")
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	if s.flags.NArg() == 0 {
		mounts, err := c.Mounts(ctx)
		if err != nil {
			return err
		}
		s.printMounts(mounts)
		return nil
	}
	path, err := cleanPath(s.arg(0))
	if err != nil {
		return err
	}
	given, _ := s.flags.Generic("option").(options)
	o := client.MountOptions{ReadOnly: s.flags.Bool("readonly"), Shared: s.flags.Bool("shared"), Options: given}
	if err := c.Mount(ctx, path, s.arg(1), o); err != nil {
		return err
	}
	return s.sayf("Mounted %s at %s\n", s.name(maskURI(s.arg(1))), s.name(path))
}

// printMounts prints the mount table. Fluid takes the third word of a line for the path.
func (s *session) printMounts(mounts []client.MountPoint) {
	var widestUFS, widestPath int
	for i := range mounts {
		mounts[i].UFS = s.name(maskURI(mounts[i].UFS))
		mounts[i].Path = s.name(mounts[i].Path)
		widestUFS, widestPath = max(widestUFS, utf8.RuneCountInString(mounts[i].UFS)), max(widestPath, utf8.RuneCountInString(mounts[i].Path))
	}
	no := func(yes bool) string {
		if yes {
			return ""
		}
		return "not "
	}
	for _, m := range mounts {
		s.printf("%-*s  on  %-*s  (%s, capacity=%s, used=%s, %sread-only, %sshared, properties=%s)\n", widestUFS, m.UFS, widestPath, m.Path,
			m.Type, humanSize(m.Capacity), humanSize(m.Used), no(m.ReadOnly), no(m.Shared), propertiesText(m.Options))
	}
}

// propertiesText is {k=v, l=w}, with secrets masked.
func propertiesText(properties map[string]string) string {
	var pairs []string
	for _, name := range sortedNames(properties) {
		value := properties[name]
		if secret(name) {
			value = "******"
		}
		pairs = append(pairs, name+"="+oneLine(value))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// secret guesses by a property's name, rather once too often.
func secret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"secret", "password", "passwd", "token", "accesskey", "credential"},
		func(word string) bool { return strings.Contains(name, word) })
}

// maskURI hides the password in a URI.
func maskURI(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	// The last @ ends it: a password may have one in it.
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return uri
	}
	user, _, has := strings.Cut(rest[:at], ":")
	if !has {
		return uri
	}
	return scheme + "://" + user + ":******" + rest[at:]
}

// options gathers --option key=val.
type options map[string]string

// Set takes the first = for the end of the key: values have more of them.
func (o options) Set(pair string) error {
	key, value, ok := strings.Cut(pair, "=")
	if !ok || key == "" {
		return errors.New("it is not key=val")
	}
	o[key] = value
	return nil
}

// String is empty, as the default is.
func (o options) String() string { return "" }
