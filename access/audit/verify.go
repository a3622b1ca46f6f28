package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Head is the end of a chain: who notes it elsewhere can show later that
// nothing before it was changed or cut off.
type Head struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

// String is the head as ParseHead reads it: NUMBER:HASH.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Sequence, h.Hash) }

// ParseHead reads NUMBER:HASH.
func ParseHead(s string) (Head, error) {
	number, hash, _ := strings.Cut(s, ":")
	n, ok := parseNumber([]byte(number))
	if !ok || n == 0 || len(hash) != hashLen || strings.Trim(hash, "0123456789abcdef") != "" {
		return Head{}, fmt.Errorf("%q is no head of an audit log: it looks like 81207:9f86d081…, a number and %d hexadecimal digits", cut(s, 100), hashLen)
	}
	return Head{n, hash}, nil
}

// Report is what Verify saw.
type Report struct {
	Files   int    `json:"files"`
	Records uint64 `json:"records"`
	First   uint64 `json:"first"` // the number of the first line; not 1 where old files were moved away
	Head    Head   `json:"head"`
	Torn    bool   `json:"torn"`  // the last line is not whole: it is being written, or was never acknowledged
	Noted   bool   `json:"noted"` // the chain has the head that was noted
}

// Break is where a chain does not hold.
type Break struct {
	File string
	Line int // from 1; 0 for the file as a whole
	What string
}

// Error names file and line.
func (b *Break) Error() string {
	if b.Line == 0 {
		return fmt.Sprintf("%s: %s", b.File, b.What)
	}
	return fmt.Sprintf("%s, line %d: %s", b.File, b.Line, b.What)
}

// Verify reads all files of the folder and checks every line against the one
// before it. The first line that does not fit is a *Break. A last line that is
// not whole is no break: it is what a crash leaves, and was never
// acknowledged. noted is a head that was kept elsewhere, the zero Head for
// none: a chain that does not contain it is a Break too. It reads line by
// line, and may run while the log is written.
func Verify(dir string, noted Head) (Report, error) {
	files, err := list(dir)
	if err != nil {
		return Report{}, err
	}
	c := chain{noted: noted}
	for i, name := range files {
		if err := c.file(dir, name, i == len(files)-1); err != nil {
			return c.Report, err
		}
	}
	switch {
	case noted.Sequence == 0 || c.Noted:
		return c.Report, nil
	case c.Records > 0 && noted.Sequence < c.First:
		return c.Report, &Break{File: dir, What: fmt.Sprintf("line %d, which was noted, is not here: the first line is %d; put back the files that were moved away", noted.Sequence, c.First)}
	}
	return c.Report, &Break{File: dir, What: fmt.Sprintf("the chain ends at %d, before line %d that was noted", c.Head.Sequence, noted.Sequence)}
}

const (
	prefix = "audit-"
	suffix = ".jsonl"
)

func fileName(first uint64) string { return fmt.Sprintf("%s%020d%s", prefix, first, suffix) }

// firstOf is the number of the first line of a file, by its name.
func firstOf(name string) (uint64, bool) {
	number, ok := strings.CutPrefix(name, prefix)
	number, is := strings.CutSuffix(number, suffix)
	n, err := strconv.ParseUint(number, 10, 64)
	return n, ok && is && err == nil && n > 0 && name == fileName(n)
}

// list is the files of a log, in order.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if _, ok := firstOf(e.Name()); ok {
			files = append(files, filepath.Base(e.Name()))
		}
	}
	return files, nil
}
