package up

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// A log that has grown to this is put aside as POD.log.1 when its pod starts.
const maxLog = 64 << 20

// openLog opens the pod's log for one life of it.
func (k *keeper) openLog() (*os.File, error) {
	path := k.s.layout.log(k.pod.Name)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, err
	}
	k.mu.Lock()
	k.mu.from = end
	k.mu.Unlock()
	return f, nil
}

// tail returns the last lines that the pod printed in its latest life.
func (k *keeper) tail() []string {
	k.mu.Lock()
	from := k.mu.from
	k.mu.Unlock()
	return lastLines(k.s.layout.log(k.pod.Name), from, 5)
}

// lastLines returns at most n lines from the end of a file, but none that begins before from.
func lastLines(path string, from int64, n int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	const window = 8 << 10
	begin := max(from, size-window)
	data, err := io.ReadAll(io.NewSectionReader(f, begin, size-begin))
	if err != nil {
		return nil
	}
	if begin > from { // in the middle of a line
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, " \r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}
