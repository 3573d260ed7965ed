// Package conform holds every generated document against the schema of its
// kind, and brings the schemas to do so.
package conform

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/toolchain"
)

// maxFile is the size from which a generated file is refused, in bytes. An API
// server takes objects of up to 3 MiB.
const maxFile = 32 << 20

// Check validates every object in a cluster's generated files: paths from the
// repo's root, the manifests only. Findings are about the files, and sorted.
// The error is the tool's, or says that an object went unchecked.
func Check(ctx context.Context, kc toolchain.Kubeconform, schemas toolchain.Schemas, c fleet.Cluster, files manifest.Files) (finding.List, error) {
	// Most objects are valid, and then nobody asks where in the file they stand:
	// positions take a parse of their own.
	check := &checker{cluster: c, version: schemas.KubernetesVersion, glances: true}
	err := check.run(ctx, kc, schemas, files)
	if err == nil && check.doubt {
		check = &checker{cluster: c, version: schemas.KubernetesVersion}
		err = check.run(ctx, kc, schemas, files)
	}
	if err != nil {
		return nil, err
	}
	check.findings.Sort()
	return check.findings, nil
}

type checker struct {
	cluster  fleet.Cluster
	version  string
	objects  []object
	findings finding.List
	// glances makes it pass by positions where it can; doubt says that it should
	// not have.
	glances, doubt bool
}

func (c *checker) run(ctx context.Context, kc toolchain.Kubeconform, schemas toolchain.Schemas, files manifest.Files) error {
	for _, name := range files.Paths() {
		c.read(name, files[name])
	}
	c.duplicates()
	if c.doubt {
		return nil
	}
	return c.validate(ctx, kc, schemas)
}

func (c *checker) add(rule finding.Rule, file string, line, column int, message, hint string) {
	c.findings = append(c.findings, finding.Finding{
		File: file, Line: line, Column: column, Cluster: c.cluster.Name,
		Rule: rule, Severity: finding.Error, Message: message, Hint: hint,
	})
}

// read splits a file into objects, and finds what is wrong with its form.
func (c *checker) read(name string, data []byte) {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
		c.add(RuleIgnoredFile, name, 1, 1, "Argo CD reads .yaml, .yml and .json files only, so this file would not be deployed",
			"rename the chart's template so that it ends in .yaml")
		return
	}
	if len(data) > maxFile {
		c.add(RuleTooLarge, name, 1, 1, fmt.Sprintf("the file has %d bytes; %d is the limit", len(data), maxFile),
			"see what the chart or its values put into this file")
		return
	}
	documents, err := manifest.Split(name, data)
	if split := (*manifest.Error)(nil); errors.As(err, &split) {
		c.add(RuleSyntax, name, split.Line, 1, split.Message, syntaxHint)
		return
	}
	for _, d := range documents {
		c.readDocument(d)
	}
}

const syntaxHint = "mend the chart's template, or the values that make it render this"

func (c *checker) readDocument(d manifest.Document) {
	if c.glances {
		if seen, ok := manifest.Glance(d.Data); ok {
			c.objects = append(c.objects, object{document: d, head: seen})
			return
		}
	}
	positions, err := position.Parse(d.Data, d.Line-1)
	if syntax := (*position.SyntaxError)(nil); errors.As(err, &syntax) {
		c.add(RuleSyntax, d.File, syntax.Line, 0, syntax.Message, syntaxHint)
		return
	}
	if twice := positions.Duplicates(); len(twice) > 0 {
		for _, key := range twice {
			c.add(RuleSyntax, d.File, key.Line, key.Column,
				fmt.Sprintf("the key %q stands in line %d already", key.Key, key.FirstLine), syntaxHint)
		}
		return
	}
	objects, err := object{document: d, positions: positions}.items()
	if err != nil {
		c.add(RuleSyntax, d.File, d.Line, 1, err.Error(), syntaxHint)
		return
	}
	for _, o := range objects {
		c.readObject(o)
	}
}

func (c *checker) readObject(o object) {
	if field, message := o.malformed(); message != "" {
		line, column := o.at(field...)
		c.add(RuleNotAnObject, o.document.File, line, column, "not a Kubernetes object: "+message,
			"see what the chart's template renders here")
		return
	}
	if o.text("metadata", "name") == "" && o.text("metadata", "generateName") == "" {
		line, column := o.at("metadata")
		c.add(RuleNoName, o.document.File, line, column, o.kind()+" without metadata.name", "give the object a name")
	}
	c.objects = append(c.objects, o)
}

// duplicates finds objects of which only one would be deployed.
func (c *checker) duplicates() {
	first := map[string]object{}
	for _, o := range c.objects {
		id, ok := o.identity(c.cluster.Spec.Namespace)
		if !ok {
			continue
		}
		earlier, ok := first[id]
		if !ok {
			first[id] = o
			continue
		}
		if c.doubt = c.doubt || o.positions == nil || earlier.positions == nil; c.doubt {
			return
		}
		line, column := o.at("metadata", "name")
		firstLine, _ := earlier.at("metadata", "name")
		c.add(RuleDuplicate, o.document.File, line, column,
			fmt.Sprintf("%s is in %s:%d already", o.title(), earlier.document.File, firstLine),
			"keep one of the two: Argo CD would apply them in turn")
	}
}

func (c *checker) validate(ctx context.Context, kc toolchain.Kubeconform, schemas toolchain.Schemas) error {
	documents := make([]manifest.Document, len(c.objects))
	for i, o := range c.objects {
		documents[i] = o.document
	}
	results, err := kc.Validate(ctx, schemas, documents)
	if err != nil {
		return fmt.Errorf("validate the manifests of %s: %w", c.cluster.Name, err)
	}
	if len(results) != len(documents) {
		return fmt.Errorf("validate the manifests of %s: %d objects, %d results", c.cluster.Name, len(documents), len(results))
	}
	for i, result := range results {
		if c.doubt = c.doubt || c.objects[i].positions == nil && !c.objects[i].agrees(result); c.doubt {
			return nil
		}
		if err := c.judge(c.objects[i], result); err != nil {
			return err
		}
	}
	return nil
}

// judge turns a result into findings.
func (c *checker) judge(o object, result toolchain.Validation) error {
	switch result.Status {
	case toolchain.Valid:
		return nil
	case toolchain.NoSchema:
		line, column := o.at("kind")
		message, hint := unknownKind(o, c.version)
		c.add(RuleUnknownKind, o.document.File, line, column, message, hint)
		return nil
	case toolchain.Invalid, toolchain.Broken, toolchain.Empty:
		c.problems(o, result)
		return nil
	}
	return fmt.Errorf("%s: unknown result %d for %s", o.document.File, result.Status, o.title())
}

func (c *checker) problems(o object, result toolchain.Validation) {
	rule, problems := RuleInvalid, result.Problems
	if result.Status != toolchain.Invalid {
		rule = RuleNotAnObject
	}
	if len(problems) == 0 {
		problems = []toolchain.Problem{{Message: "does not conform to the schema of " + o.apiVersion() + " " + o.kind()}}
	}
	for _, p := range problems {
		line, column := o.at(p.Path...)
		message := o.title() + ": " + p.Message
		if len(p.Path) > 0 {
			message = o.title() + ": " + field(p.Path) + ": " + p.Message
		}
		c.add(rule, o.document.File, line, column, message, fmt.Sprintf(
			"mend the values in spec.yaml that it comes from; the schema is that of %s %s in Kubernetes %s", o.apiVersion(), o.kind(), c.version))
	}
}
