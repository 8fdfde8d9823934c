package scheme

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// duration reads GooseFS's time spans: a number and a unit (ms, s, sec, min, m, h,
// hour, d, day and their plurals and long forms), or milliseconds without one.
func duration(s string) (time.Duration, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
	amount, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, err
	}
	unit := time.Millisecond
	switch strings.TrimSpace(s[len(digits):]) {
	case "", "ms", "millisecond", "milliseconds":
	case "s", "sec", "second", "seconds":
		unit = time.Second
	case "m", "min", "minute", "minutes":
		unit = time.Minute
	case "h", "hr", "hour", "hours":
		unit = time.Hour
	case "d", "day", "days":
		unit = 24 * time.Hour
	default:
		return 0, fmt.Errorf("unknown unit in %q", s)
	}
	if span := amount * float64(unit); span >= 0 && span < float64(1<<62) {
		return time.Duration(span), nil
	}
	return 0, errors.New("out of range")
}

// layout turns a date pattern of Java's, as GooseFS's property holds it, into one of
// package time: runs of one letter are fields, text in single quotes is itself.
func layout(pattern string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", errors.New("a quote is not closed")
			}
			if out.WriteString(pattern[i+1 : i+1+end]); end == 0 {
				out.WriteByte('\'')
			}
			i += end + 2
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			run := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], string(c)))
			field, ok := dateField(c, run)
			if !ok {
				return "", fmt.Errorf("the field %q is not known", pattern[i:i+run])
			}
			out.WriteString(field)
			i += run
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String(), nil
}

// dateField is package time's word for n times the letter c of a Java pattern.
func dateField(c byte, n int) (field string, ok bool) {
	short := func(one, two string) (string, bool) {
		if n == 1 {
			return one, true
		}
		return two, n == 2
	}
	switch c {
	case 'E':
		if n <= 3 {
			return "Mon", true
		}
		return "Monday", true
	case 'd':
		return short("2", "02")
	case 'M':
		if n >= 3 {
			return map[bool]string{true: "Jan", false: "January"}[n == 3], true
		}
		return short("1", "01")
	case 'y':
		if n == 2 {
			return "06", true
		}
		return "2006", true
	case 'H':
		return "15", n <= 2
	case 'h':
		return short("3", "03")
	case 'm':
		return short("4", "04")
	case 's':
		return short("5", "05")
	case 'S':
		return strings.Repeat("0", n), n <= 9
	case 'a':
		return "PM", true
	case 'z':
		return "MST", true
	case 'Z':
		return "-0700", true
	case 'X':
		return map[int]string{1: "Z07", 2: "Z0700", 3: "Z07:00"}[n], n <= 3
	}
	return "", false
}
