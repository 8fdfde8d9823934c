package conf

import "strings"

// SplitJavaOpts takes the -Dkey=value pairs out of a JVM option list, in order.
// Options are separated by white space; quotes, single or double, keep white
// space together when they are closed. Whatever else a JVM takes (-Xmx16G,
// -XX:…) is skipped.
func SplitJavaOpts(text string) []Pair {
	var pairs []Pair
	for _, word := range splitWords(text) {
		definition, ok := strings.CutPrefix(word, "-D")
		if !ok {
			continue
		}
		if p := splitPair(definition); p.Key != "" {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// splitPair cuts key=value; a key alone has the empty value.
func splitPair(text string) Pair {
	key, value, _ := strings.Cut(text, "=")
	return Pair{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)}
}

func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case c == '"' || c == '\'':
			if n := strings.IndexByte(text[i+1:], c); n >= 0 {
				word.WriteString(text[i+1 : i+1+n])
				i += n + 1
				inWord = true
				continue
			}
		}
		word.WriteByte(c)
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
