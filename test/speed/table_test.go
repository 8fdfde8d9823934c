package speed

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"goosefs/roles/bench"
)

// table is the result in Markdown.
func table(all []measured, size string, files int, quick bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, that ran the servers, the mounts and the readers; one file of %s, %d files of 100 KiB.", time.Now().Format(time.DateOnly),
		runtime.NumCPU(), size, files)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Fprintf(&b, " Load average at the end: %s.", strings.Fields(string(load))[0])
	}
	if quick {
		b.WriteString(" A small run: short, and cold drops only each folder's own pages.")
	}
	b.WriteString("\n\n![rates as a part of native](performance.svg)\n\nRead for the first time, from nginx and from nginx that answers each request 40 ms later, by curl and then through\n" +
		"the mount, and what part of curl's rate that is (the median of pairs, min – max). In order: a folder is listed, and its files are read one after the other.\n\n")
	heading(&b, "curl", all)
	for i, p := range places {
		firstRow(&b, "a large file, MB/s"+p.name, all, func(m measured) pair { return m.firsts[i].large })
		firstRow(&b, "small files, 8 at once, files/s"+p.name, all, func(m measured) pair { return m.firsts[i].small })
		firstRow(&b, "small files, in order, files/s"+p.name, all, func(m measured) pair { return m.firsts[i].ordered })
	}
	if all = compared(all); len(all) == 0 {
		return b.String()
	}
	b.WriteString("\nRead again, and what part of the native rate that is. Own pages cold: either folder's pages were dropped, the mount's cache\n" +
		"files are in memory. Cold: nothing is in the kernel's memory. Mount-cold: only the mount's pages were dropped.\n\n")
	heading(&b, "native", all)
	for i, l := range all[0].report.Lines {
		fmt.Fprintf(&b, "| %s, %s | %.0f |", label(l), l.Unit, l.Folders[1].Rate.Median)
		for _, m := range all {
			l := m.report.Lines[i]
			fmt.Fprintf(&b, " %.0f | %.2f (%.2f – %.2f) |", l.Folders[0].Rate.Median, l.Ratio.Median, l.Ratio.Min, l.Ratio.Max)
		}
		b.WriteString("\n")
	}
	serving(&b, all)
	return b.String()
}

// compared are those that were held against the folder.
func compared(all []measured) []measured {
	return slices.DeleteFunc(slices.Clone(all), func(m measured) bool { return m.report == nil })
}

// heading begins a table that holds mounts against something.
func heading(b *strings.Builder, against string, all []measured) {
	fmt.Fprintf(b, "| | %s", against)
	columns := "|---|--:|"
	for _, m := range all {
		fmt.Fprintf(b, " | %s | part", m.name)
		columns += "--:|--:|"
	}
	b.WriteString(" |\n" + columns + "\n")
}

func firstRow(b *strings.Builder, what string, all []measured, of func(measured) pair) {
	var curls []float64
	var rest string
	for _, m := range all {
		p := of(m)
		if len(p.mount) == 0 {
			rest += " | |"
			continue
		}
		curls = append(curls, p.curl...)
		var parts []float64
		for i := range p.mount {
			parts = append(parts, p.mount[i]/p.curl[i])
		}
		slices.Sort(parts)
		rest += fmt.Sprintf(" %.0f | %.2f (%.2f – %.2f) |", middle(p.mount), middle(parts), parts[0], parts[len(parts)-1])
	}
	if len(curls) > 0 {
		fmt.Fprintf(b, "| %s | %.0f |%s\n", what, middle(curls), rest)
	}
}

// middle is the median.
func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// serving tells what the processes behind the mounts needed, where that was asked.
func serving(b *strings.Builder, all []measured) {
	b.WriteString("\nWhat serves the mount: processor seconds for each GB read, and in the end its resident memory, MB:\n\n|")
	columns := "|---|"
	for _, m := range all {
		fmt.Fprintf(b, " | %s", m.name)
		columns += "--:|"
	}
	b.WriteString(" |\n" + columns + "\n")
	for i, l := range all[0].report.Lines {
		if l.Folders[0].CPU == nil || l.Folders[0].Bytes == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s |", label(l))
		for _, m := range all {
			f := m.report.Lines[i].Folders[0]
			fmt.Fprintf(b, " %.3f, %d |", *f.CPU, f.Resident/1e6)
		}
		b.WriteString("\n")
	}
}

func label(l bench.FilesLine) string {
	return strings.TrimSuffix(fmt.Sprintf("%s × %d, %s", l.Operation, l.Jobs, l.Phase), ", ")
}

// picture draws, for each line, a bar for each mount: its part of the native rate. A bar ends at twice native.
func picture(all []measured) []byte {
	all = compared(all)
	const left, width, bar, gap, most = 290, 520, 12, 10, 2.0
	colours := []string{"#1f6feb", "#2da44e", "#bf8700", "#8250df"}
	var body bytes.Buffer
	y := 44
	for i, m := range all {
		fmt.Fprintf(&body, `<rect x="%d" y="10" width="12" height="12" fill="%s"/><text x="%d" y="20">%s</text>`+"\n", left+i*170, colours[i%4], left+16+i*170, escaped(m.name))
	}
	if len(all) > 0 {
		for i, l := range all[0].report.Lines {
			fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+len(all)*bar/2+4, escaped(label(l)))
			for j, m := range all {
				part := m.report.Lines[i].Ratio.Median
				long := min(part, most) / most * width
				fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" font-size="10">%.2f</text>`+"\n",
					left, y, long, bar-2, colours[j%4], left+long+4, y+9, part)
				y += bar
			}
			y += gap
		}
	}
	native := left + width/2
	fmt.Fprintf(&body, `<line x1="%d" y1="34" x2="%d" y2="%d" stroke="#888" stroke-dasharray="3"/><text x="%d" y="%d" text-anchor="middle">native</text>`+"\n", native, native, y, native, y+14)
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+
		"\n"+`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n", left+width+60, y+24, body.String())
}

func escaped(text string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}

// publish puts text into a document, between the marks of that name.
func publish(path, name, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- end of %s -->", name)
	head, rest, found := strings.Cut(string(document), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place %q", path, strings.TrimSpace(begin))
	}
	return os.WriteFile(path, []byte(head+begin+text+end+tail), 0o644)
}

// The table has a row for each line, and the picture is well formed, whatever the names.
func TestTableAndPicture(t *testing.T) {
	cpu := 0.5
	all := []measured{{
		name: "a<b",
		firsts: [len(places)]first{
			{large: pair{[]float64{400, 500, 600}, []float64{800, 1000, 400}}, small: pair{[]float64{60}, []float64{80}}},
			{large: pair{[]float64{4}, []float64{2}}, small: pair{[]float64{50}, []float64{70}}, ordered: pair{[]float64{40}, []float64{20}}},
		},
		report: &bench.FilesReport{Lines: []bench.FilesLine{{
			Operation: "read", Jobs: 4, Phase: "cold", Unit: "MB/s", Ratio: &bench.Spread{Median: 0.5, Min: 0.4, Max: 3},
			Folders: []bench.Series{{Rate: bench.Spread{Median: 100}, CPU: &cpu, Bytes: 1, Resident: 7e6}, {Rate: bench.Spread{Median: 200}}},
		}}},
	}, {
		name:   "firsts only",
		firsts: [len(places)]first{{}, {ordered: pair{[]float64{30}, []float64{20}}}},
	}}
	text := table(all, "1GiB", 10, true)
	for _, want := range []string{
		"| | curl | a<b | part | firsts only | part |\n|---|--:|--:|--:|--:|--:|\n", "| a large file, MB/s | 800 | 500 | 0.50 (0.50 – 1.50) | | |\n",
		"| small files, 8 at once, files/s, 40 ms away | 70 | 50 | 0.71 (0.71 – 0.71) | | |\n",
		"| small files, in order, files/s, 40 ms away | 20 | 40 | 2.00 (2.00 – 2.00) | 30 | 1.50 (1.50 – 1.50) |\n",
		"| read × 4, cold, MB/s | 200 | 100 | 0.50 (0.40 – 3.00) |\n", "| read × 4, cold | 0.500, 7 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	svg := picture(all)
	if err := xml.Unmarshal(svg, new(struct{})); err != nil || !bytes.Contains(svg, []byte("a&lt;b")) {
		t.Errorf("%v\n%s", err, svg)
	}
}
