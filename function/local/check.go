package local

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// CheckCommand says why a command could not be started here: its folder, an
// absolute path, is not there, or there is no such program. path is the PATH of
// its environment, "" for the one that it gets otherwise.
func CheckCommand(program, folder, path string) error {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s", folder)
	}
	if strings.Contains(program, "/") {
		file := program
		if !filepath.IsAbs(file) {
			file = filepath.Join(folder, file)
		}
		if _, err := exec.LookPath(file); err != nil {
			return fmt.Errorf("there is no program %s that could be run", file)
		}
		return nil
	}
	if path == "" {
		path = Path
	}
	for dir := range strings.SplitSeq(path, ":") {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err == nil && filepath.IsAbs(dir) {
			return nil
		}
	}
	if _, err := os.Stat(filepath.Join(folder, program)); err == nil {
		return fmt.Errorf("there is no program %s in %s; in the function's folder it is called ./%s", program, path, program)
	}
	return fmt.Errorf("there is no program %s in %s", program, path)
}
