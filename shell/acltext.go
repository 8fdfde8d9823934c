package shell

import (
	"strings"

	"goosefs/client"
)

// aclOf is the access control list of a file: where the masters tell none, the mode says all.
func aclOf(i client.Info) []client.ACLEntry {
	if len(i.ACL) > 0 {
		return i.ACL
	}
	return []client.ACLEntry{
		{Kind: client.ACLOwner, Rights: i.Mode >> 6 & 7}, {Kind: client.ACLOwningGroup, Rights: i.Mode >> 3 & 7}, {Kind: client.ACLOther, Rights: i.Mode & 7},
	}
}

// isExtended says whether the list has more than a mode can say.
func isExtended(i client.Info) bool { return len(i.ACL) > 3 || len(i.DefaultACL) > 0 }

// aclTexts are the entries as setfacl takes them.
func aclTexts(list []client.ACLEntry) (texts []string) {
	for _, e := range list {
		texts = append(texts, aclText(e))
	}
	return texts
}

// aclText is one entry, such as default:user:alice:rwx.
func aclText(e client.ACLEntry) string {
	text := aclWord(e.Kind) + ":" + e.Name + ":" + rightsText(e.Rights)
	if e.Default {
		return "default:" + text
	}
	return text
}

func aclWord(k client.ACLKind) string {
	switch k {
	case client.ACLOwner, client.ACLNamedUser:
		return "user"
	case client.ACLOwningGroup, client.ACLNamedGroup:
		return "group"
	case client.ACLMask:
		return "mask"
	}
	return "other"
}

// rightsText is rwx, with a dash for what is not given.
func rightsText(rights uint32) string {
	text := []byte("rwx")
	for bit := range text {
		if rights&(4>>bit) == 0 {
			text[bit] = '-'
		}
	}
	return string(text)
}

// parseACL reads entries that are separated by commas. With rights they end with them, else they only say whom they are
// about. isDefault has all be default entries.
func parseACL(text string, rights, isDefault bool) ([]client.ACLEntry, error) {
	var list []client.ACLEntry
	for _, word := range strings.Split(text, ",") {
		e, err := parseACLEntry(strings.TrimSpace(word), rights)
		if err != nil {
			return nil, err
		}
		e.Default = e.Default || isDefault
		list = append(list, e)
	}
	return list, nil
}

func parseACLEntry(word string, rights bool) (e client.ACLEntry, err error) {
	parts := strings.Split(word, ":")
	if parts[0] == "default" || parts[0] == "d" {
		e.Default, parts = true, parts[1:]
	}
	switch {
	case rights && len(parts) != 3:
		return e, usagef("ACL entry %q is not of the form [default:]user|group|mask|other:name:rwx", word)
	case !rights && (len(parts) < 1 || len(parts) > 3 || len(parts) == 3 && parts[2] != ""):
		return e, usagef("ACL entry %q is not of the form [default:]user|group|mask:name, as -x takes it", word)
	case len(parts) == 1:
		parts = append(parts, "")
	}
	e.Name = parts[1]
	switch kind := parts[0]; kind {
	case "user", "u":
		e.Kind = client.ACLOwner
		if e.Name != "" {
			e.Kind = client.ACLNamedUser
		}
	case "group", "g":
		e.Kind = client.ACLOwningGroup
		if e.Name != "" {
			e.Kind = client.ACLNamedGroup
		}
	case "mask", "m":
		e.Kind = client.ACLMask
	case "other", "o":
		e.Kind = client.ACLOther
	default:
		return e, usagef("ACL entry %q begins with %q, not with user, group, mask or other", word, kind)
	}
	if e.Name != "" && (e.Kind == client.ACLMask || e.Kind == client.ACLOther) {
		return e, usagef("ACL entry %q: mask and other have no name", word)
	}
	if !rights {
		return e, nil
	}
	e.Rights, err = parseRights(word, parts[2])
	return e, err
}

// parseRights reads rwx, r-x, rx or a digit.
func parseRights(word, text string) (rights uint32, err error) {
	if len(text) == 1 && text[0] >= '0' && text[0] <= '7' {
		return uint32(text[0] - '0'), nil
	}
	for _, letter := range text {
		at := strings.IndexRune("xwr", letter)
		switch {
		case letter == '-':
		case at < 0 || rights&(1<<at) != 0:
			return 0, usagef("ACL entry %q has the rights %q: they are of the letters r, w, x and -, each of the first three once", word, text)
		default:
			rights |= 1 << at
		}
	}
	if text == "" || len(text) > 3 {
		return 0, usagef("ACL entry %q has the rights %q: they are one to three of r, w, x and -, or a digit up to 7", word, text)
	}
	return rights, nil
}
