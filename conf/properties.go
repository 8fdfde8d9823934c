package conf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A Pair is one key and value as written, with the line they start on.
type Pair struct {
	Key, Value string
	Line       int // counted from 1; 0 where there are no lines
}

// ParseProperties reads a Java properties file: key=value, key: value or key value,
// # and ! comments, lines continued by a backslash, escapes. The text is UTF-8,
// with or without byte order mark, with any line ends. White space around a value
// is not part of it. Keys may occur twice; the pairs come in the order of the
// file. name is for errors only.
func ParseProperties(name string, data []byte) ([]Pair, error) {
	text := string(bytes.TrimPrefix(data, []byte("\uFEFF")))
	var pairs []Pair
	rest, line := text, 0
	for rest != "" {
		start := line + 1
		var logical string
		logical, rest, line = nextLine(rest, line)
		if !utf8.ValidString(logical) || strings.Contains(logical, "\x00") {
			return nil, &Error{Source: at(name, start), Reason: "not UTF-8 text; save the file as UTF-8"}
		}
		logical = strings.TrimLeft(logical, " \t\f")
		if logical == "" || logical[0] == '#' || logical[0] == '!' {
			continue
		}
		key, value := splitKey(logical)
		p := Pair{Line: start}
		var err error
		if p.Key, err = unescape(key); err == nil {
			p.Value, err = unescape(value)
		}
		if err != nil {
			return nil, &Error{Source: at(name, start), Reason: err.Error()}
		}
		if p.Key == "" {
			return nil, &Error{Source: at(name, start), Reason: "no name before the value; write name=value"}
		}
		p.Value = strings.TrimSpace(p.Value)
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// FormatProperties writes a properties file that ParseProperties reads back,
// sorted by key, below the comment lines. (White space around values is lost.)
func FormatProperties(values map[string]string, comment ...string) []byte {
	var b bytes.Buffer
	for _, c := range comment {
		fmt.Fprintf(&b, "# %s\n", strings.NewReplacer("\n", " ", "\r", " ").Replace(c))
	}
	for _, k := range sortedKeys(values) {
		fmt.Fprintf(&b, "%s=%s\n", escape(k, " \t\f=:#!"), escape(values[k], ""))
	}
	return b.Bytes()
}

func at(name string, line int) string { return name + ":" + strconv.Itoa(line) }

// nextLine takes one logical line off text: continuations are joined without the
// white space that leads them. line is the number of the last line taken. A
// comment does not continue.
func nextLine(text string, line int) (logical, rest string, last int) {
	var b strings.Builder
	for first := true; ; first = false {
		i := strings.IndexAny(text, "\r\n")
		natural := text
		if i >= 0 {
			natural = text[:i]
			text = text[i:]
			text = text[len(lineEnd(text)):]
		} else {
			text = ""
		}
		line++
		trimmed := strings.TrimLeft(natural, " \t\f")
		if !first {
			natural = trimmed
		}
		comment := first && trimmed != "" && (trimmed[0] == '#' || trimmed[0] == '!')
		slashes := len(natural) - len(strings.TrimRight(natural, `\`))
		if comment || slashes%2 == 0 {
			b.WriteString(natural)
			return b.String(), text, line
		}
		b.WriteString(natural[:len(natural)-1])
		if text == "" {
			return b.String(), "", line
		}
	}
}

func lineEnd(text string) string {
	if strings.HasPrefix(text, "\r\n") {
		return "\r\n"
	}
	return text[:1]
}

// splitKey cuts at the first separator that is not escaped: = or :, with white
// space around, or white space alone.
func splitKey(line string) (key, value string) {
	i := 0
	for ; i < len(line) && !strings.ContainsRune(" \t\f=:", rune(line[i])); i++ {
		if line[i] == '\\' {
			i++
		}
	}
	i = min(i, len(line))
	key, value = line[:i], strings.TrimLeft(line[i:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return key, value
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, n, err := unicodeEscape(s[i+1:])
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// unicodeEscape reads what follows \u, and a second escape when the first is
// half of a surrogate pair. n is the number of bytes used.
func unicodeEscape(s string) (r rune, n int, err error) {
	hex := func(s string) (rune, bool) {
		if len(s) < 4 {
			return 0, false
		}
		v, err := strconv.ParseUint(s[:4], 16, 16)
		return rune(v), err == nil
	}
	r, ok := hex(s)
	if !ok {
		return 0, 0, invalidf(`\u without four hexadecimal digits; write \\u for a backslash and a u`)
	}
	if utf16.IsSurrogate(r) {
		if strings.HasPrefix(s[4:], `\u`) {
			if low, ok := hex(s[6:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					return both, 10, nil
				}
			}
		}
		return 0, 0, invalidf(`\u%s is half of a character; write both halves, or the character itself`, s[:4])
	}
	return r, 4, nil
}

// escape protects backslashes, line ends and the characters in special.
func escape(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		case strings.ContainsRune(special, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
