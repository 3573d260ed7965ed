package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// The most that one entry of spec.schemas may hold.
const (
	maxSchemaFiles = 10000
	maxSchemaBytes = 64 << 20
)

// layouts are the file names under which kubeconform looks for schemas in an
// own folder: kasou's, kubeconform's, and those of its openapi2jsonschema.
var layouts = []string{
	bundle.Location,
	"{{ .ResourceKind }}{{ .KindSuffix }}.json",
	"{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json",
}

// imported adds what one entry of spec.schemas names, as it will be copied into
// the cache. kubeconform passes over a schema that does
// not compile and fetches what a schema refers to, so both are found here.
func (s *Set) imported(root, name, cacheDir string) ([]problem, error) {
	in := &importer{files: manifest.Files{}, bundle: &bundle.Bundle{}}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		in.reject(name + " is not a path inside the repo")
		return in.problems, nil
	}
	repo, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the repo: %w", err)
	}
	defer repo.Close()
	in.read(repo.FS(), path.Clean(name))
	if err := in.convert(); err != nil {
		return nil, err
	}
	if err := s.contradictions(in); err != nil {
		return nil, err
	}
	s.scopes = append(s.scopes, in.bundle.Scopes...)
	if len(in.problems) == 0 {
		for _, message := range compile(in.files) {
			in.reject(name + ": " + message)
		}
	}
	if len(in.problems) > 0 {
		return in.problems, nil
	}
	at := s.add(cacheDir, folder{digest: bundle.FilesDigest(in.files), files: func() (manifest.Files, error) { return in.files, nil }})
	for _, layout := range layouts {
		s.shared = append(s.shared, filepath.Join(at, layout))
	}
	return nil, nil
}

// importer gathers the schemas of one entry.
type importer struct {
	files    manifest.Files
	bundle   *bundle.Bundle
	total    int
	problems []problem
}

func (in *importer) reject(message string) {
	in.problems = append(in.problems, problem{finding.Error, message,
		"Name a JSON schema file, a CustomResourceDefinition in YAML, or a folder of either, from the repo's root; " +
			"schemas may refer to each other within the folder, and to nothing else."})
}

var errEnough = errors.New("too much")

func (in *importer) read(repo fs.FS, name string) {
	info, err := fs.Stat(repo, name)
	if err != nil {
		in.reject(readFailure(name, err))
		return
	}
	if !info.IsDir() {
		in.file(repo, name, path.Base(name), true)
	} else {
		err = fs.WalkDir(repo, name, func(p string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir():
				return nil
			case len(in.files) > maxSchemaFiles || in.total > maxSchemaBytes:
				return errEnough
			}
			in.file(repo, p, strings.TrimPrefix(p, name+"/"), false)
			return nil
		})
	}
	switch {
	case errors.Is(err, errEnough):
		in.reject(fmt.Sprintf("%s holds more than %d files or %d MiB of schemas", name, maxSchemaFiles, maxSchemaBytes>>20))
	case err != nil:
		in.reject(readFailure(name, err))
	case len(in.files)+len(in.bundle.Kinds)+len(in.problems) == 0:
		in.reject(name + " has no schema in it")
	}
}

func readFailure(name string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return name + " does not exist"
	}
	return "cannot read " + name + ": " + finding.Cause(err).Error()
}

// file takes in one file, to be known as kept. alone is a file that fleet.yaml
// names itself: what cannot be used of it is a problem.
func (in *importer) file(repo fs.FS, name, kept string, alone bool) {
	extension := path.Ext(name)
	isYAML, isJSON := extension == ".yaml" || extension == ".yml", extension == ".json"
	if !isYAML && !isJSON {
		if alone {
			in.reject(name + " is neither .json nor .yaml")
		}
		return
	}
	data, err := fs.ReadFile(repo, name)
	if err != nil {
		in.reject(readFailure(name, err))
		return
	}
	in.total += len(data)
	if isYAML {
		in.definitions(name, data, alone)
		return
	}
	in.schema(name, kept, data, alone)
}

// definitions takes the CustomResourceDefinitions out of a YAML file.
func (in *importer) definitions(name string, data []byte, alone bool) {
	before := len(in.bundle.Kinds)
	for _, d := range manifest.Parse(manifest.Other, name, data).Documents {
		if d.Divided != nil {
			in.reject(fmt.Sprintf("%s: %v", name, d.Divided))
			return
		}
		had := len(in.bundle.Scopes)
		err := in.bundle.AddCRD(d.Bytes)
		for i := had; i < len(in.bundle.Scopes); i++ {
			in.bundle.Scopes[i].At = fmt.Sprintf("%s:%d", name, d.Line)
		}
		if err != nil && !errors.Is(err, bundle.ErrNoCRD) {
			in.reject(fmt.Sprintf("%s:%d: %v", name, d.Line, err))
			return
		}
	}
	if alone && len(in.bundle.Kinds) == before {
		in.reject(name + " holds no CustomResourceDefinition of apiextensions.k8s.io/v1")
	}
}

// named are file names that one of the layouts finds.
var named = regexp.MustCompile(`^[a-z0-9]+((-[a-z0-9]+)?-|_)v[0-9]+((alpha|beta)[0-9]+)?\.json$`)

// schema takes in a JSON file: a schema, or a CustomResourceDefinition.
func (in *importer) schema(name, kept string, data []byte, alone bool) {
	var content any
	if err := json.Unmarshal(data, &content); err != nil {
		in.reject(fmt.Sprintf("%s is not JSON: %v", name, err))
		return
	}
	fields, ok := content.(map[string]any)
	if !ok {
		in.reject(name + " is no JSON schema")
		return
	}
	if fields["kind"] == "CustomResourceDefinition" {
		in.definitions(name, data, alone)
		return
	}
	in.files[kept] = bytes.Clone(data)
	if alone && !named.MatchString(kept) {
		in.reject(fmt.Sprintf("%s does not say in its name which kind it is for; kind-group-version.json does, such as widget-example-v1.json", name))
	}
}

// convert adds the schemas of the CustomResourceDefinitions.
func (in *importer) convert() error {
	in.bundle.Sort()
	files, err := in.bundle.Files()
	if err != nil {
		return err
	}
	for _, name := range files.Paths() {
		in.files[name] = files[name]
	}
	return nil
}
