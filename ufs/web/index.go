package web

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"goosefs/ufs"

	"golang.org/x/net/html"
)

// listing is what an index page says.
type listing struct {
	entries []entry // each name once, in the page's order
	dropped int     // links that are not children, nor the usual ones to the parent and other orders
	oneShot bool    // the server speaks HTTP/1.0: a connection for each request
	closed  bool    // the page's end was seen: </html> or the </pre> of Go's file server
}

// pageRules are what parseIndex needs of Options.
type pageRules struct {
	titles, parents []string
	maxEntries      int
}

var (
	errNotListing = errors.New("not a directory listing")
	errGiantTag   = errors.New("a single tag of the page is larger than 1 MiB")
)

// parseIndex reads an index page found at the URL at (which ends with a slash).
//
// A page is a listing if one of these holds, else errNotListing is returned:
//   - its title or a heading begins with one of the titles (Apache, nginx, lighttpd, Python);
//   - a link with one of the parents' texts leads to the directory above (most others);
//   - it consists of nothing but links in a <pre>, each with its name as text (Go).
//
// So an empty listing is told from a page that is none. The page is read token by
// token; memory is bounded by the entries kept, whatever the nesting.
func parseIndex(page io.Reader, at *url.URL, rules pageRules) (listing, error) {
	s := scan{at: at, base: at, rules: rules, bare: true, seen: map[string]int{}}
	z := html.NewTokenizer(page)
	z.SetMaxBuf(1 << 20)
	for {
		if z.Next() == html.ErrorToken {
			break
		}
		if err := s.token(z.Token()); err != nil {
			return listing{}, err
		}
	}
	if err := z.Err(); err == html.ErrBufferExceeded {
		return listing{}, errGiantTag
	} else if err != io.EOF {
		return listing{}, err
	}
	if err := s.endLink(); err != nil {
		return listing{}, err
	}
	if !s.titled && !s.hasParent && !(s.bare && s.pre) {
		return listing{}, errNotListing
	}
	return s.listing, nil
}

// scan is the state of reading one page.
type scan struct {
	at, base *url.URL
	rules    pageRules
	listing
	seen map[string]int // name → its index in entries

	titled    bool // a title or heading is a listing's
	hasParent bool // a link to the parent has one of its texts
	bare      bool // so far the page could be one of Go's file server
	pre       bool // a <pre> was opened

	heading  string // the element whose text is being gathered: title, h1, h2, or ""
	headText strings.Builder
	inLink   bool
	href     string
	linkText strings.Builder
	script   bool // inside <script> or <style>
}

// maxText bounds the text kept of a heading or a link.
const maxText = 4 << 10

func (s *scan) token(t html.Token) error {
	switch t.Type {
	case html.StartTagToken, html.SelfClosingTagToken:
		return s.open(t)
	case html.EndTagToken:
		return s.shut(t.Data)
	case html.TextToken:
		s.text(t.Data)
	}
	return nil
}

func (s *scan) open(t html.Token) error {
	switch t.Data {
	case "title", "h1", "h2":
		s.bare = false
		s.heading = t.Data
		s.headText.Reset()
	case "base":
		s.bare = false
		if href, ok := attribute(t, "href"); ok {
			if ref, err := url.Parse(href); err == nil {
				s.base = s.at.ResolveReference(ref)
			}
		}
	case "a":
		if err := s.endLink(); err != nil {
			return err
		}
		if href, ok := attribute(t, "href"); ok {
			s.inLink, s.href = true, href
			s.linkText.Reset()
		}
	case "pre":
		s.pre = true
	case "meta":
	case "script", "style":
		s.bare, s.script = false, t.Type == html.StartTagToken
	default:
		s.bare = false
	}
	return nil
}

func (s *scan) shut(tag string) error {
	switch tag {
	case "title", "h1", "h2":
		if s.heading == tag {
			s.titled = s.titled || beginsWithAny(strings.TrimSpace(s.headText.String()), s.rules.titles)
			s.heading = ""
		}
	case "a":
		return s.endLink()
	case "script", "style":
		s.script = false
	case "html", "pre":
		s.closed = true
	}
	return nil
}

func (s *scan) text(data string) {
	if s.script {
		return
	}
	if s.heading != "" && s.headText.Len() < maxText {
		s.headText.WriteString(data)
	}
	if s.inLink {
		if s.linkText.Len() < maxText {
			s.linkText.WriteString(data)
		}
	} else if strings.TrimSpace(data) != "" {
		s.bare = false
	}
}

// endLink judges the link that just ended, if any.
func (s *scan) endLink() error {
	if !s.inLink {
		return nil
	}
	s.inLink = false
	text := s.linkText.String()
	e, v := childOf(s.at, s.base, s.href)
	switch v {
	case child:
		if s.bare {
			e, s.bare = bareName(e, strings.TrimSuffix(text, "/"))
			s.bare = s.bare && s.pre
		}
		return s.add(e)
	case parent:
		s.bare = false
		s.hasParent = s.hasParent || equalsAny(strings.TrimSpace(text), s.rules.parents)
	case control:
		s.bare = false
	case foreign:
		s.dropped++
	}
	return nil
}

// bareName checks a link of Go's file server, whose text is the name. That server
// escapes the text for HTML but not the link, so for a file named "a&amp;b" the link
// reads as "a&b": there the text is right.
func bareName(e entry, text string) (entry, bool) {
	if text != e.name && html.UnescapeString(text) == e.name && ufs.ValidElement(text) {
		e.name = text
	}
	return e, text == e.name
}

// add keeps an entry. A name that occurs twice is one entry; if either of its
// links ends with a slash it is a directory.
func (s *scan) add(e entry) error {
	if i, ok := s.seen[e.name]; ok {
		s.entries[i].dir = s.entries[i].dir || e.dir
		return nil
	}
	if len(s.entries) == s.rules.maxEntries {
		return fmt.Errorf("the listing has more than %d entries", s.rules.maxEntries)
	}
	s.seen[e.name] = len(s.entries)
	s.entries = append(s.entries, e)
	return nil
}

func attribute(t html.Token, key string) (string, bool) {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func beginsWithAny(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return true
		}
	}
	return false
}

func equalsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}
