// Package scheme chooses a kind of under file system by its URI:
//
//	http://host/dir/  https://host/dir/        a web directory      kind "web"
//	file:///dir  local:///dir  /dir            a folder of this host kind "local"
//
// and turns mount options, which are properties of GooseFS's names, into the kind's own.
package scheme

import (
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"goosefs/ufs"
	"goosefs/ufs/file"
	"goosefs/ufs/web"
)

// Kinds, as the list of mounts prints them.
const (
	KindWeb   = "web"
	KindLocal = "local"
)

// The options that are read. Others are ignored: mount options name whole
// templates of properties.
const (
	webTimeout      = "goosefs.underfs.web.connection.timeout"
	webTimeoutAsIs  = "goosefs.underfs.web.connnection.timeout" // the spelling of GooseFS
	webLastModified = "goosefs.underfs.web.header.last.modified"
	webParentNames  = "goosefs.underfs.web.parent.names"
	webTitles       = "goosefs.underfs.web.titles"
	webAllow        = "goosefs.underfs.web.allow"
	webDeny         = "goosefs.underfs.web.deny"
)

// Keys are all the options that Open reads.
func Keys() []string {
	return []string{webTimeout, webTimeoutAsIs, webLastModified, webParentNames, webTitles, webAllow, webDeny}
}

// Open opens the under file system at uri. It does not connect to anything, but a
// local folder must exist. A caller that is done closes it, if it is an io.Closer.
func Open(uri string, options map[string]string) (u ufs.UFS, kind string, err error) {
	return OpenLogged(uri, options, nil)
}

// OpenLogged is Open for an under file system that logs what it leaves out; nil logs nothing.
func OpenLogged(uri string, options map[string]string, log *slog.Logger) (u ufs.UFS, kind string, err error) {
	scheme, rest, found := strings.Cut(uri, "://")
	switch scheme = strings.ToLower(scheme); {
	case strings.HasPrefix(uri, "/"):
		u, err = file.New(uri, file.Options{Logger: log})
		kind = KindLocal
	case found && (scheme == "file" || scheme == "local"):
		path, pathErr := localPath(uri, rest)
		if pathErr != nil {
			return nil, "", pathErr
		}
		u, err = file.New(path, file.Options{Logger: log})
		kind = KindLocal
	case found && (scheme == "http" || scheme == "https"):
		opt, optErr := webOptions(uri, options)
		if optErr != nil {
			return nil, "", optErr
		}
		opt.Logger = log
		u, err = web.New(uri, opt)
		kind = KindWeb
	case found:
		return nil, "", refused(uri, "the scheme "+scheme+" is not supported (supported: http, https, file, local, or an absolute path)")
	default:
		return nil, "", refused(uri, "neither a URI with a scheme (http, https, file, local) nor an absolute path")
	}
	if err != nil {
		return nil, "", err
	}
	return u, kind, nil
}

func refused(uri, text string) error {
	return &fs.PathError{Op: "mount", Path: web.Mask(uri), Err: &ufs.Reason{Errno: syscall.EINVAL, Text: text}}
}

// localPath is the path in a file:// or local:// URI. Percent signs are decoded
// where they encode something, and kept where they are just part of a name.
func localPath(uri, rest string) (string, error) {
	host, path, found := strings.Cut(rest, "/")
	if !found || host != "" && host != "localhost" {
		return "", refused(uri, "a local URI has three slashes and an absolute path, as in file:///data")
	}
	path = "/" + path
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	if strings.ContainsRune(path, 0) {
		return "", refused(uri, "the path has a NUL in it")
	}
	return path, nil
}

// webOptions reads the options of a web directory.
func webOptions(uri string, options map[string]string) (opt web.Options, err error) {
	bad := func(key, why string) error {
		return refused(uri, "option "+key+"="+options[key]+": "+why)
	}
	for _, key := range []string{webTimeoutAsIs, webTimeout} {
		if value := options[key]; value != "" {
			if opt.CallTimeout, err = duration(value); err != nil || opt.CallTimeout <= 0 {
				return opt, bad(key, "not a time span such as 60s, 2min or 500ms")
			}
		}
	}
	if value := options[webLastModified]; value != "" {
		if opt.LastModified, err = layout(value); err != nil {
			return opt, bad(webLastModified, err.Error())
		}
	}
	opt.Titles = list(options[webTitles])
	opt.ParentNames = list(options[webParentNames])
	if opt.Allow, err = prefixes(options[webAllow]); err != nil {
		return opt, bad(webAllow, "not a list of addresses and networks such as 10.0.0.0/8: "+err.Error())
	}
	if opt.Deny, err = prefixes(options[webDeny]); err != nil {
		return opt, bad(webDeny, "not a list of addresses, networks, or the words loopback and private: "+err.Error())
	}
	return opt, nil
}

// list splits at commas; nil if there is nothing.
func list(value string) (words []string) {
	for word := range strings.SplitSeq(value, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// prefixes reads addresses, networks, and the words loopback and private.
func prefixes(value string) (all []netip.Prefix, err error) {
	for _, word := range list(value) {
		switch ip, ipErr := netip.ParseAddr(word); {
		case word == "loopback":
			all = append(all, web.Loopback()...)
		case word == "private":
			all = append(all, web.Private()...)
		case ipErr == nil:
			all = append(all, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		default:
			p, err := netip.ParsePrefix(word)
			if err != nil {
				return nil, err
			}
			all = append(all, p.Masked())
		}
	}
	return all, nil
}
