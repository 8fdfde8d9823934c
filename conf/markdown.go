package conf

import (
	"bytes"
	"fmt"
	"strings"
)

// Markdown is docs/config.md, made from the table.
func Markdown() []byte {
	var b bytes.Buffer
	b.WriteString(markdownHead)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n## %s\n\n", g.title)
		if g.rows[0].Ignored != "" {
			writeIgnored(&b, g.rows)
			continue
		}
		b.WriteString("| Property | Type | Default | Read by | Meaning |\n| --- | --- | --- | --- | --- |\n")
		for _, p := range g.rows {
			fmt.Fprintf(&b, "| `%s` | %v | %s | %v | %s |\n", p.Name, p.Type, code(p.Default), p.Scope, cell(p.describe()))
		}
	}
	return b.Bytes()
}

const markdownHead = `# Properties

<!-- Made from the table in conf/ by: go test ./conf -run TestMarkdown -update -->

` + "`goosefs getConf`" + ` shows the values that a process would have, ` + "`goosefs getConf --source`" + ` where they come from.

A value is taken from the last of these places that gives one; an empty value is none:

1. the default below;
2. the properties file: the first that exists of ` + "`$GOOSEFS_CONFIG_FILE`, `$GOOSEFS_CONF_DIR/goosefs-site.properties`, `$GOOSEFS_HOME/conf/goosefs-site.properties`, `~/.goosefs/goosefs-site.properties`, `/etc/goosefs/goosefs-site.properties`" + `;
3. the environment variable that is named with the property, if any;
4. the ` + "`-Dkey=value`" + ` pairs in ` + "`GOOSEFS_JAVA_OPTS`" + `, then those in the variable of the role: ` + "`GOOSEFS_MASTER_JAVA_OPTS`, `GOOSEFS_WORKER_JAVA_OPTS`, `GOOSEFS_FUSE_JAVA_OPTS`, `GOOSEFS_USER_JAVA_OPTS`" + ` (the last two after ` + "`GOOSEFS_CLIENT_JAVA_OPTS`" + `); other options of a JVM are skipped;
5. ` + "`-Dkey=value`" + ` on the command line.

` + "`${goosefs.work.dir}`" + ` in a value is another property, ` + "`${HOSTNAME}`" + ` (no dot) an environment variable; an undefined variable is empty.

Sizes count in 1024s: ` + "`64MB`, `2G` = `2GB` = `2Gi` = `2GiB`, `1.5G`" + `. Durations: ` + "`500ms`, `10s`, `30sec`, `5min`, `1h`, `2day`" + `; a bare number counts milliseconds. Ratios: ` + "`0.8` or `80%`" + `. Lists are separated by commas.

In names, {x} stands for a number and any other {word} for any text.
`

func writeIgnored(b *bytes.Buffer, rows []Property) {
	b.WriteString("Properties of GooseFS that may stand in a configuration, and what makes them needless here.\n\n| Property | Why |\n| --- | --- |\n")
	for _, p := range rows {
		fmt.Fprintf(b, "| `%s` | %s |\n", p.Name, cell(p.Ignored))
	}
}

// describe is the meaning and all else that the columns do not say.
func (p Property) describe() string {
	text := p.Meaning
	if len(p.Values) > 0 {
		text += " One of " + strings.Join(quoteAll(p.Values), ", ") + "."
	}
	if p.Env != "" {
		text += " Environment: `" + p.Env + "`."
	}
	if len(p.Aliases) > 0 {
		text += " Also written " + strings.Join(quoteAll(p.Aliases), ", ") + "."
	}
	if p.Secret {
		text += " Secret: never shown."
	}
	return text
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	return quoted
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
