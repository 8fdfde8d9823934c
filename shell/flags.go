package shell

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// SplitProperties takes every -Dkey=value out of a command line, wherever it stands before a "--". props are as they
// were written, -D and all, in their order.
func SplitProperties(args []string) (rest, props []string) {
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...), props
		}
		if strings.HasPrefix(arg, "-D") && strings.Contains(arg, "=") {
			props = append(props, arg)
			continue
		}
		rest = append(rest, arg)
	}
	return rest, props
}

// toggle is a flag that is on when it is there.
func toggle(name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

// ReorderFlags puts flags before arguments and "--" between them, as the standard library's parser wants them, because
// users write them in any order: load /data --local. Flags may have one dash or two; several of one letter may be
// written as one word, ls -Rh. What follows "--" is never a flag. A flag that there is not is an error that names the
// nearest one.
func ReorderFlags(flags []cli.Flag, args []string) ([]string, error) {
	takesValue := map[string]bool{}
	var names []string
	for _, f := range flags {
		documented, ok := f.(cli.DocGenerationFlag)
		for _, name := range f.Names() {
			takesValue[name] = ok && documented.TakesValue()
			names = append(names, name)
		}
	}
	var ordered, rest []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		name, _, inOne := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		value, known := takesValue[name]
		switch {
		case known && value && !inOne && i+1 < len(args):
			ordered = append(ordered, arg, args[i+1])
			i++
		case known, name == "h":
			ordered = append(ordered, arg)
		default:
			letters, err := splitLetters(arg, takesValue)
			if err != nil {
				return nil, unknownFlag(arg, name, names)
			}
			ordered = append(ordered, letters...)
		}
	}
	return append(append(ordered, "--"), rest...), nil
}

var errNoLetters = errors.New("not a word of one-letter flags")

// splitLetters makes -R -h of -Rh.
func splitLetters(arg string, takesValue map[string]bool) ([]string, error) {
	var letters []string
	for _, letter := range arg[1:] {
		value, known := takesValue[string(letter)]
		if !known || value {
			return nil, errNoLetters
		}
		letters = append(letters, "-"+string(letter))
	}
	return letters, nil
}

func unknownFlag(arg, name string, names []string) error {
	dashes := func(name string) string {
		if len(name) == 1 {
			return "-" + name
		}
		return "--" + name
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("unknown flag %s; did you mean %s?", oneLine(arg), dashes(near))
	}
	return fmt.Errorf("unknown flag %s", oneLine(arg))
}
