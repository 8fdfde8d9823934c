package fuse

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseOptions reads mount options as typed after -o: separated by commas, a backslash before a comma that belongs to
// a value. It knows libfuse's; ignored are those that mean nothing here, for a warning. UID and GID are -1 unless
// given. A value that cannot be is an error.
func ParseOptions(s string) (o Options, ignored []string, err error) {
	return Options{UID: -1, GID: -1}.with([]string{s})
}

// with applies raw options, each of which may be a list.
func (o Options) with(raw []string) (Options, []string, error) {
	var ignored []string
	for _, list := range raw {
		for _, option := range splitOptions(list) {
			name, value, _ := strings.Cut(option, "=")
			known, err := o.set(name, value)
			if err != nil {
				return o, nil, fmt.Errorf("mount option %q: %w", option, err)
			}
			if !known {
				ignored = append(ignored, option)
			}
		}
	}
	return o, ignored, nil
}

// set applies one option, if it is known.
func (o *Options) set(name, value string) (known bool, err error) {
	if known, flag := o.flag(name); known {
		if value != "" {
			return true, fmt.Errorf("takes no value")
		}
		flag()
		return true, nil
	}
	switch name {
	case "uid":
		o.UID, err = number(value, 10, math.MaxInt32)
	case "gid":
		o.GID, err = number(value, 10, math.MaxInt32)
	case "umask":
		var bits int
		bits, err = number(value, 8, 0o777)
		o.Umask = uint32(bits)
	case "max_read":
		o.MaxRead, err = number(value, 10, math.MaxInt32)
	case "max_readahead":
		if o.MaxReadAhead, err = number(value, 10, math.MaxInt32); o.MaxReadAhead == 0 {
			o.MaxReadAhead = -1
		}
	case "max_background":
		o.MaxBackground, err = number(value, 10, math.MaxUint16)
	case "attr_timeout":
		o.AttrTimeout, err = seconds(value)
	case "entry_timeout":
		o.EntryTimeout, err = seconds(value)
	case "negative_timeout":
		o.NegativeTimeout, err = seconds(value)
	case "fsname":
		o.FsName = value
	default:
		return false, nil
	}
	return true, err
}

// flag finds an option without a value, and what it does.
func (o *Options) flag(name string) (known bool, set func()) {
	switch name {
	case "ro":
		return true, func() { o.ReadOnly = true }
	case "rw":
		return true, func() { o.ReadOnly = false }
	case "passthrough":
		return true, func() { o.Passthrough = 0 }
	case "no_passthrough":
		return true, func() { o.Passthrough = -1 }
	case "no_open":
		return true, func() { o.NoOpen = true }
	case "direct_io":
		return true, func() { o.DirectIO = true }
	case "kernel_cache", "auto_cache": // pages are always kept, and always right
		return true, func() { o.DirectIO = false }
	case "allow_other":
		return true, func() { o.AllowOther = true }
	case "nonempty":
		return true, func() { o.NonEmpty = true }
	case "noexec":
		return true, func() { o.NoExec = true }
	case "exec":
		return true, func() { o.NoExec = false }
	case "user_xattr", "xattr":
		return true, func() { o.XAttrs = true }
	case "nosuid", "nodev", "noatime", "default_permissions", "async_read", "big_writes": // always so
		return true, func() {}
	}
	return false, nil
}

// splitOptions splits at commas without a backslash before them.
func splitOptions(s string) []string {
	var options []string
	var one strings.Builder
	end := func() {
		if option := strings.TrimSpace(one.String()); option != "" {
			options = append(options, option)
		}
		one.Reset()
	}
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			one.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ',':
			end()
		default:
			one.WriteRune(r)
		}
	}
	end()
	return options
}

func number(s string, base, most int) (int, error) {
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil || n > uint64(most) {
		return 0, fmt.Errorf("not a number between 0 and %s", strconv.FormatInt(int64(most), base))
	}
	return int(n), nil
}

// seconds reads a lifetime; fractions are allowed, as in libfuse. 0 is "not at all", which [Options] writes as -1.
func seconds(s string) (time.Duration, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1e9) {
		return 0, fmt.Errorf("not a number of seconds")
	}
	if d := time.Duration(f * float64(time.Second)); d > 0 {
		return d, nil
	}
	return -1, nil
}
