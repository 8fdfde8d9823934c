package shell

import (
	"strconv"
	"strings"
	"time"
)

// formatTime prints a time by a pattern of Java's SimpleDateFormat, which is what goosefs.user.date.format.pattern
// holds: MM-dd-yyyy HH:mm:ss:SSS. Text between single quotes and letters without meaning here stay as they are.
func formatTime(t time.Time, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		letter := pattern[i]
		if letter == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			switch {
			case end == 0:
				b.WriteByte('\'')
			case end < 0:
				end = len(pattern) - i - 1
				fallthrough
			default:
				b.WriteString(pattern[i+1 : i+1+end])
			}
			i += end + 2
			continue
		}
		run := 1
		for i+run < len(pattern) && pattern[i+run] == letter {
			run++
		}
		b.WriteString(timeField(t, letter, run))
		i += run
	}
	return b.String()
}

// timeField prints what a run of one letter stands for.
func timeField(t time.Time, letter byte, run int) string {
	number := func(n int) string {
		text := strconv.Itoa(n)
		return strings.Repeat("0", max(0, run-len(text))) + text
	}
	switch letter {
	case 'y':
		if run == 2 {
			return t.Format("06")
		}
		return number(t.Year())
	case 'M':
		switch {
		case run > 3:
			return t.Format("January")
		case run == 3:
			return t.Format("Jan")
		}
		return number(int(t.Month()))
	case 'd':
		return number(t.Day())
	case 'E':
		if run > 3 {
			return t.Format("Monday")
		}
		return t.Format("Mon")
	case 'H':
		return number(t.Hour())
	case 'h':
		return number((t.Hour()+11)%12 + 1)
	case 'a':
		return t.Format("PM")
	case 'm':
		return number(t.Minute())
	case 's':
		return number(t.Second())
	case 'S':
		return number(t.Nanosecond() / 1e6)
	case 'z':
		return t.Format("MST")
	case 'Z':
		return t.Format("-0700")
	case 'X':
		return t.Format("Z07:00")
	}
	return strings.Repeat(string(letter), run)
}

// clock gives the function that prints times as the configuration says.
func (s *session) clock() (func(time.Time) string, error) {
	c, err := s.conf()
	if err != nil {
		return nil, err
	}
	pattern := c.String("goosefs.user.date.format.pattern")
	return func(t time.Time) string { return formatTime(t.In(s.env.zone), pattern) }, nil
}
