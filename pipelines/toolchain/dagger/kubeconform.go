package dagger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger/batch"
	"kasou/pipelines/toolchain/explain"
	"kasou/pipelines/toolchain/verdict"
)

// Validate runs `kubeconform` in one container for all documents. It returns the
// command's verdicts; the reasons come from package explain, as in the embedded
// toolchain, for kubeconform's quote values.
func (t *Toolchain) Validate(ctx context.Context, schemas toolchain.Schemas, of ...toolchain.Manifests) []toolchain.Result[[]toolchain.Validation] {
	results := make([]toolchain.Result[[]toolchain.Validation], len(of))
	local := verdict.LocalSchemas(schemas.Locations)
	some := func(i int) bool {
		results[i].Err = local
		return len(of[i].Documents) > 0 && local == nil
	}
	answerSome(of, results, some, func(some []toolchain.Manifests) []toolchain.Result[[]toolchain.Validation] {
		return t.kubeconform.validate(ctx, schemas, some)
	})
	return results
}

// kubeconform validates in containers.
type kubeconform struct {
	*containers
	folders    memo[*sdk.Directory]
	explainers memo[*explain.Explainer]
}

// validate is Validate for calls that have documents.
func (t *kubeconform) validate(ctx context.Context, schemas toolchain.Schemas, of []toolchain.Manifests) []toolchain.Result[[]toolchain.Validation] {
	validating := callable[toolchain.Manifests, []*verdictLine]{
		containers: t.containers, name: "kubeconform",
		shared: func(ctx context.Context, of []toolchain.Manifests) ([]*toolchain.Result[[]*verdictLine], error) {
			return t.validateAll(ctx, schemas, of)
		},
		alone: func(ctx context.Context, m toolchain.Manifests) ([]*verdictLine, error) {
			return t.validateAlone(ctx, schemas, m.Documents)
		},
		span: func(m toolchain.Manifests) string {
			return "kubeconform " + cmp.Or(m.Cluster, strings.TrimPrefix(shownAs(m.Documents), "/in/"))
		},
	}
	results := make([]toolchain.Result[[]toolchain.Validation], len(of))
	for i, reports := range validating.each(ctx, of) {
		if reports.Err != nil {
			results[i].Err = fmt.Errorf("kubeconform: %w", reports.Err)
		} else {
			results[i].Value, results[i].Err = t.judge(schemas, of[i].Documents, reports.Value)
		}
	}
	return results
}

// validateAll validates the documents of several calls by one command.
func (t *kubeconform) validateAll(ctx context.Context, schemas toolchain.Schemas, of []toolchain.Manifests) ([]*toolchain.Result[[]*verdictLine], error) {
	base, args, err := t.withSchemas(ctx, schemas)
	if err != nil {
		return nil, err
	}
	command := batch.Command{Args: append(args, "-n", batch.Processors, "in"), Files: map[string][]byte{}}
	for i, m := range of {
		for j, d := range m.Documents {
			command.Files[path.Join("in", strconv.Itoa(i), documentFile(j))] = d.Bytes
		}
	}
	results, err := t.batch(ctx, "kubeconform", []batch.Command{command}, base)
	if err != nil {
		return nil, err
	}
	answers := make([]*toolchain.Result[[]*verdictLine], len(of))
	if results[0] == nil {
		return answers, nil
	}
	reports, err := reportsOf(string(results[0].Stdout))
	if err != nil {
		return answers, nil // a container for each says whose fault it is
	}
	for i, m := range of {
		if sorted, err := readReports(reports[strconv.Itoa(i)], len(m.Documents)); err == nil {
			answers[i] = &toolchain.Result[[]*verdictLine]{Value: sorted}
		}
	}
	return answers, nil
}

func (t *kubeconform) validateAlone(ctx context.Context, schemas toolchain.Schemas, documents []manifest.Document) (reports []*verdictLine, err error) {
	err = t.run(ctx, t.opts.Timeout, func(ctx context.Context) error {
		dir, err := t.documents(documents)
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		mount := shownAs(documents)
		stdout, err := t.report(ctx, schemas, dir, mount)
		if err != nil {
			return err
		}
		given, err := reportsOf(stdout)
		if err != nil {
			return err
		}
		reports, err = readReports(given[path.Base(mount)], len(documents))
		return err
	})
	return reports, err
}

// documents writes each into a file of its own, named by its place in the list.
func (t *kubeconform) documents(documents []manifest.Document) (string, error) {
	dir, err := t.folder()
	if err != nil {
		return "", err
	}
	for i, d := range documents {
		if err := os.WriteFile(filepath.Join(dir, documentFile(i)), d.Bytes, 0o644); err != nil {
			_ = os.RemoveAll(dir)
			return "", fmt.Errorf("write the documents: %w", err)
		}
	}
	return dir, nil
}

// documentFile names the document at a place of the list.
func documentFile(i int) string { return strconv.Itoa(i) + ".yaml" }

// shownAs returns the folder that holds all documents, so that the trace says
// whose they are.
func shownAs(documents []manifest.Document) string {
	common := path.Dir(path.Clean("/" + documents[0].File))
	for _, d := range documents {
		file := path.Clean("/" + d.File)
		for common != "/" && !strings.HasPrefix(file, common+"/") {
			common = path.Dir(common)
		}
	}
	return path.Join("/in", common)
}

func (t *kubeconform) report(ctx context.Context, schemas toolchain.Schemas, dir, mount string) (string, error) {
	kubeconform, err := t.base(ctx, "kubeconform")
	if err != nil {
		return "", err
	}
	files, err := t.engine.Host().Directory(dir).Sync(ctx)
	if err != nil {
		return "", err
	}
	with, args, err := t.withSchemas(ctx, schemas)
	if err != nil {
		return "", err
	}
	c := with(kubeconform.WithMountedDirectory(mount, files))
	// Exit code 1 says that a document is not valid, which is in the output too.
	c = kubeconform.exec(c, sdk.ContainerWithExecOpts{Expect: sdk.ReturnTypeAny}, append(args, mount)...)
	return c.Stdout(ctx)
}

// withSchemas returns what mounts the schemas, and the arguments to use them.
func (t *kubeconform) withSchemas(ctx context.Context, schemas toolchain.Schemas) (func(*sdk.Container) *sdk.Container, []string, error) {
	mounts := map[string]*sdk.Directory{}
	args := []string{"-strict", "-verbose", "-output", "json", "-kubernetes-version", schemas.KubernetesVersion}
	for i, location := range schemas.Locations {
		below, template := split(location)
		found, err := t.schemaFiles(ctx, below)
		if err != nil {
			return nil, nil, err
		}
		at := path.Join("/schemas", strconv.Itoa(i))
		mounts[at] = found
		args = append(args, "-schema-location", at+"/"+template)
	}
	return func(c *sdk.Container) *sdk.Container {
		for _, at := range slices.Sorted(maps.Keys(mounts)) {
			c = c.WithMountedDirectory(at, mounts[at])
		}
		return c
	}, args, nil
}

// split cuts a schema location into the folder above its first placeholder and
// the rest.
func split(location string) (dir, template string) {
	fixed, _, _ := strings.Cut(location, "{{")
	cut := strings.LastIndex(fixed, "/") + 1
	return location[:cut], location[cut:]
}

// schemaFiles brings the JSON files of a folder to the engine, once.
func (t *kubeconform) schemaFiles(ctx context.Context, dir string) (*sdk.Directory, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("schemas in %s: %w", dir, err)
	}
	if absolute == filepath.Dir(absolute) {
		return nil, errors.New("schemas must not lie in the root folder")
	}
	return t.folders.get(absolute, func() (*sdk.Directory, error) {
		return t.engine.Host().Directory(absolute, sdk.HostDirectoryOpts{Include: []string{"**/*.json"}}).Sync(ctx)
	})
}

// verdictLine is what kubeconform prints of one object.
type verdictLine struct {
	Filename, Kind, Version, Status, Msg string
}

// reportsOf returns the command's output, by the name of the folder that the
// document lies in.
func reportsOf(stdout string) (map[string][]*verdictLine, error) {
	var out struct{ Resources []*verdictLine }
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		return nil, fmt.Errorf("kubeconform gave no report: %w", err)
	}
	byFolder := map[string][]*verdictLine{}
	for _, r := range out.Resources {
		folder := path.Base(path.Dir(r.Filename))
		byFolder[folder] = append(byFolder[folder], r)
	}
	return byFolder, nil
}

// readReports puts what the command said into the documents' order.
func readReports(given []*verdictLine, count int) ([]*verdictLine, error) {
	reports := make([]*verdictLine, count)
	for _, r := range given {
		i, err := strconv.Atoi(strings.TrimSuffix(path.Base(r.Filename), ".yaml"))
		if err != nil || i < 0 || i >= count {
			return nil, fmt.Errorf("kubeconform reports on %q, which it was not given", r.Filename)
		}
		// A list has a result for each item: one that is not good counts.
		if reports[i] == nil || reports[i].Status == statusValid {
			reports[i] = r
		}
	}
	for i, r := range reports {
		if r == nil {
			return nil, fmt.Errorf("kubeconform says nothing about document %d of %d", i+1, count)
		}
	}
	return reports, nil
}

// What kubeconform calls the outcomes. An empty document has none.
const (
	statusValid   = "statusValid"
	statusInvalid = "statusInvalid"
	statusError   = "statusError"
	statusEmpty   = ""
)

func schemasKey(schemas toolchain.Schemas) string {
	return schemas.KubernetesVersion + "\x00" + strings.Join(schemas.Locations, "\x00")
}

func (t *kubeconform) judge(schemas toolchain.Schemas, documents []manifest.Document, reports []*verdictLine) ([]toolchain.Validation, error) {
	explainer, err := t.explainers.get(schemasKey(schemas), func() (*explain.Explainer, error) { return explain.New(schemas), nil })
	if err != nil {
		return nil, err
	}
	results := make([]toolchain.Validation, len(documents))
	for i, r := range reports {
		v := toolchain.Validation{APIVersion: r.Version, Kind: r.Kind}
		switch r.Status {
		case statusValid:
			v.Status = toolchain.Valid
		case statusInvalid:
			v.Status = toolchain.Invalid
			v.Problems, err = explainer.Explain(documents[i])
		case statusError:
			v.Status, v.Problems, err = verdict.Document(r.Msg)
			if v.APIVersion == "" || v.Kind == "" {
				v.APIVersion, v.Kind = "", "" // one without the other names nothing
			}
		case statusEmpty:
			v.Status, v.Problems = toolchain.Empty, []toolchain.Problem{{Message: verdict.EmptyDocument}}
		default:
			err = fmt.Errorf("kubeconform gave status %q", r.Status)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", documents[i].File, documents[i].Line, err)
		}
		results[i] = v
	}
	return results, nil
}
