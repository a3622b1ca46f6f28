// Command gen writes the Go shapes of package wire from the service model in
// wire/model. It is run from a checkout, in the folder wire:
//
//	go generate ./wire                       # the shapes
//	go run ./gen -strip path/service-2.json  # the model, from botocore's file
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

const modelFile = "model/service-2.json"

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	source := flag.String("strip", "", "botocore's service-2.json: write "+modelFile+" from it and nothing else")
	flag.Parse()
	if err := run(".", *source); err != nil {
		log.Fatal(err)
	}
}

func run(dir, source string) error {
	if source != "" {
		full, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		stripped, err := strip(full)
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		return os.WriteFile(filepath.Join(dir, modelFile), stripped, 0o644)
	}
	src, err := os.ReadFile(filepath.Join(dir, modelFile))
	if err != nil {
		return err
	}
	files, err := generate(src)
	if err != nil {
		return fmt.Errorf("%s: %w", modelFile, err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the generated files by name.
func generate(src []byte) (map[string][]byte, error) {
	var m model
	if err := json.Unmarshal(src, &m); err != nil {
		return nil, err
	}
	g, err := newGenerator(m)
	if err != nil {
		return nil, err
	}
	return g.files()
}
