// Package scaffold writes small rotation functions to begin with: right as they
// stand, with their test, for the API of rota function provider. What is
// written lies in templates, one folder a language.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed templates
var templates embed.FS

// Languages are those that a function can be written in.
func Languages() []string { return []string{"go", "node", "python"} }

// name is what stands for the function's name in its README.
const name = "NAME"

// plain is a name that is one in each language's files.
var plain = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Write writes a function into a folder, which is made; its last element is
// the function's name. version is rota's, as Go modules have it, for the one
// in Go. It changes no file that is there: fs.ErrExist is that one is, and
// nothing was written then. The names of what was written are returned.
func Write(folder, language, version string) (files []string, err error) {
	if !slices.Contains(Languages(), language) {
		return nil, fmt.Errorf("there is no template for %q; there are %s", language, strings.Join(Languages(), ", "))
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	called := filepath.Base(folder)
	if !plain.MatchString(called) {
		return nil, fmt.Errorf("%q is no name for a function: it begins with a small letter and has small letters, digits, - and _", called)
	}
	content, err := read(language)
	if err != nil {
		return nil, err
	}
	if language == "go" {
		content["go.mod"] = "module " + called + "\n\ngo 1.26.0\n\nrequire github.com/rotahq/rota " + version + "\n"
	}
	for file := range content {
		files = append(files, file)
	}
	slices.Sort(files)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	for _, file := range files {
		if _, err := os.Lstat(filepath.Join(folder, file)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", filepath.Join(folder, file), fs.ErrExist)
		}
	}
	for _, file := range files {
		text := content[file]
		if strings.HasSuffix(file, ".md") {
			text = strings.ReplaceAll(text, name, called)
		}
		f, err := os.OpenFile(filepath.Join(folder, file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return nil, err
		}
		_, err = f.WriteString(text)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// hidden ends the name of a template that is no file of this module: its test
// would be run with rota's.
const hidden = ".txt"

// read returns the files of a language by name.
func read(language string) (map[string]string, error) {
	folder := "templates/" + language
	entries, err := templates.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	content := map[string]string{}
	for _, e := range entries {
		b, err := templates.ReadFile(folder + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		content[strings.TrimSuffix(e.Name(), hidden)] = string(b)
	}
	return content, nil
}
