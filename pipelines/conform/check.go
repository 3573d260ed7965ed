// Package conform holds every generated document against the schema of its
// kind, and brings the schemas to do so.
package conform

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/toolchain"
)

// maxFile is the size from which a generated file is refused, in bytes. An API
// server takes objects of up to 3 MiB.
const maxFile = 32 << 20

// MaxFolder is how many bytes Argo CD reads of the manifests of one Application: with more it
// deploys nothing of it. 10M is the default of --max-combined-directory-manifests-size of its
// repo-server (getPotentiallyValidManifests in its reposerver/repository/repository.go).
const MaxFolder = 10_000_000

// FolderSizeHint says what to do about more.
const FolderSizeHint = "Set reposerver.max.combined.directory.manifests.size in the ConfigMap argocd-cmd-params-cm of Argo CD to more, such as 100M, and silence the rule."

// Job is a cluster, and its manifests.
type Job struct {
	Cluster fleet.Cluster
	Files   manifest.Set
}

// Check validates every object in the manifests of several clusters. The results have
// the jobs' order. Findings are about the files, and sorted. An error is the tool's, or
// says that an object went unchecked.
func Check(ctx context.Context, kc toolchain.Kubeconform, schemas toolchain.Schemas, jobs ...Job) []toolchain.Result[finding.List] {
	checks := make([]*checker, len(jobs))
	manifests := make([]toolchain.Manifests, len(jobs))
	for i, j := range jobs {
		checks[i] = &checker{cluster: j.Cluster, version: schemas.KubernetesVersion}
		for _, path := range j.Files.Paths() {
			checks[i].read(j.Files[path])
		}
		checks[i].size(j.Files)
		checks[i].duplicates()
		manifests[i] = toolchain.Manifests{Cluster: j.Cluster.Name, Documents: checks[i].documents()}
	}
	results := make([]toolchain.Result[finding.List], len(jobs))
	for i, validated := range kc.Validate(ctx, schemas, manifests...) {
		c := checks[i]
		if err := c.validated(manifests[i].Documents, validated); err != nil {
			results[i].Err = err
			continue
		}
		c.findings.Sort()
		results[i].Value = c.findings
	}
	return results
}

type checker struct {
	cluster  fleet.Cluster
	version  string
	objects  []object
	findings finding.List
}

func (c *checker) add(rule finding.Rule, file string, line, column int, message, hint string) {
	c.findings = append(c.findings, finding.Finding{
		File: file, Line: line, Column: column, Cluster: c.cluster.Name,
		Rule: rule, Severity: finding.Error, Message: message, Hint: hint,
	})
}

// size warns of more manifests than Argo CD reads of one folder.
func (c *checker) size(files manifest.Set) {
	all := 0
	for _, f := range files {
		all += len(f.Bytes)
	}
	if all > MaxFolder {
		c.findings = append(c.findings, c.cluster.Finding(finding.Warning, RuleFolderSize, []string{"spec"},
			fmt.Sprintf("the manifests have %d bytes, and Argo CD reads %d of one Application: it would deploy none of them", all, MaxFolder), FolderSizeHint))
	}
}

// read takes a file's objects, and finds what is wrong with its form.
func (c *checker) read(f manifest.File) {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(f.Path)) {
		c.add(RuleIgnoredFile, f.Path, 1, 1, "Argo CD reads .yaml, .yml and .json files only, so this file would not be deployed",
			"Rename the chart's template so that it ends in .yaml.")
		return
	}
	if len(f.Bytes) > maxFile {
		c.add(RuleTooLarge, f.Path, 1, 1, fmt.Sprintf("the file has %d bytes; %d is the limit", len(f.Bytes), maxFile),
			"See what the chart or its values put into this file.")
		return
	}
	if at := bytes.Index(f.Bytes, []byte(skipMarker)); at >= 0 {
		c.add(RuleIgnoredFile, f.Path, 1+bytes.Count(f.Bytes[:at], []byte("\n")), 1, "Argo CD passes over a file with the text "+skipMarker+", wherever it stands",
			"Take the text out of the chart, its values or the manifest.")
	}
	if path.Ext(f.Path) == ".json" && !json.Valid(f.Bytes) {
		// getObjsFromYAMLOrJSON in reposerver/repository/repository.go of Argo CD 3.5.
		c.add(RuleSyntax, f.Path, 1, 1, "Argo CD reads a .json file as JSON, and Helm writes a --- line at its head: Argo CD would deploy nothing of the cluster",
			"Rename the chart's template so that it ends in .yaml.")
		return
	}
	for i := range f.Documents {
		c.readDocument(&f.Documents[i])
	}
}

// skipMarker is the text by which Argo CD leaves a file out (docs/user-guide/directory.md,
// "Skipping File Rendering"). It looks for no comment: any value does.
const skipMarker = "+argocd:skip-file-rendering"

const syntaxHint = "Mend the chart's template, or the values that make it render this."

func (c *checker) readDocument(d *manifest.Document) {
	if d.Divided != nil {
		c.add(RuleSyntax, d.File, d.Divided.Line, 1, d.Divided.Message, syntaxHint)
		return
	}
	if d.Err != nil && !errors.Is(d.Err, manifest.ErrNotMapping) {
		c.syntax(d)
		return
	}
	all, err := objects(d)
	if err != nil {
		c.add(RuleSyntax, d.File, d.Line, 1, err.Error(), syntaxHint)
	}
	for _, o := range all {
		c.readObject(o)
	}
}

// syntax says where a document does not parse.
func (c *checker) syntax(d *manifest.Document) {
	positions, err := position.Parse(d.Bytes, d.Line-1)
	if syntax := (*position.SyntaxError)(nil); errors.As(err, &syntax) {
		c.add(RuleSyntax, d.File, syntax.Line, 0, syntax.Message, syntaxHint)
		return
	}
	twice := positions.Duplicates()
	for _, key := range twice {
		c.add(RuleSyntax, d.File, key.Line, key.Column,
			fmt.Sprintf("the key %q stands in line %d already", key.Key, key.FirstLine), syntaxHint)
	}
	if len(twice) == 0 {
		c.add(RuleSyntax, d.File, d.Line, 1, d.Err.Error(), syntaxHint)
	}
}

func (c *checker) readObject(o object) {
	if field, message := o.malformed(); message != "" {
		line, column := o.at(field...)
		c.add(RuleNotAnObject, o.File, line, column, "not a Kubernetes object: "+message,
			"See what the chart's template renders here.")
		return
	}
	if _, list := o.Object["items"].([]any); list {
		// IsList of apimachinery's unstructured looks at nothing else, and Argo CD takes what
		// it says (GenerateManifests of its repo-server).
		line, column := o.at("items")
		c.add(RuleNotAnObject, o.File, line, column, o.title()+" has a list of items: Argo CD deploys those in its place, whatever its kind",
			"Write each object into a document of its own; a resource with such a field cannot be deployed by Argo CD.")
		return
	}
	switch name := o.metadata("name"); {
	case name == nil || name == "":
		c.noName(o)
	case o.Head.Name != "" && !validName(o.Head): // one that is not text breaks the schema
		line, column := o.at("metadata", "name")
		c.add(RuleNoName, o.File, line, column, fmt.Sprintf("%s %q: the API server takes no such name", o.Head.Kind, name), "Use lower-case letters, digits, hyphens and dots.")
	}
	c.labels(o)
	c.liveFields(o)
	c.objects = append(c.objects, o)
}

// freeNames are the kinds whose names may have other characters than a DNS name, such as
// colons (pkg/registry and pkg/apis/*/validation of Kubernetes 1.34). Custom resources have
// DNS names (apiextensions-apiserver's customresource strategy).
var freeNames = map[string][]string{
	"rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"},
	"certificates.k8s.io":       {"ClusterTrustBundle"},
	"networking.k8s.io":         {"IPAddress"},
}

// validName reports whether the API server takes the name of an object.
func validName(h manifest.Head) bool {
	group, _, _ := strings.Cut(h.APIVersion, "/")
	if slices.Contains(freeNames[group], h.Kind) {
		return len(content.IsPathSegmentName(h.Name)) == 0
	}
	return len(validation.IsDNS1123Subdomain(h.Name)) == 0
}

// noName refuses an object without a name. Argo CD makes one of generateName for
// hooks alone (getSyncTasks of its sync engine), and the API server applies nothing
// without a name.
func (c *checker) noName(o object) {
	line, column := o.at("metadata")
	switch {
	case o.metadata("generateName") == nil:
		c.add(RuleNoName, o.File, line, column, o.Head.Kind+" without metadata.name", "Give the object a name.")
	case !o.hook():
		line, column = o.at("metadata", "generateName")
		c.add(RuleNoName, o.File, line, column, o.Head.Kind+" with metadata.generateName and without a name: Argo CD gives one to hooks alone", "Give the object a name.")
	}
}

// liveFields finds what a copy of a live object brings along.
func (c *checker) liveFields(o object) {
	for _, f := range liveFields {
		if o.metadata(f.name) == nil {
			continue
		}
		line, column := o.at("metadata", f.name)
		c.add(RuleLiveField, o.File, line, column, fmt.Sprintf("%s: metadata.%s is the API server's to write: %s", o.title(), f.name, f.what), "Take it out.")
	}
}

// liveFields are the fields of metadata with which an API server refuses to apply an
// object, or deletes it (apiserver's PatchHandler and the garbage collector of
// Kubernetes 1.34).
var liveFields = []struct{ name, what string }{
	{"managedFields", "a sync with it fails"},
	{"ownerReferences", "the object is deleted with an owner that git cannot know"},
	{"resourceVersion", "a sync with it fails"},
	{"uid", "a sync with it fails"},
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
		line, column := o.at("metadata", "name")
		firstLine, _ := earlier.at("metadata", "name")
		c.add(RuleDuplicate, o.File, line, column,
			fmt.Sprintf("%s is in %s:%d already", o.title(), earlier.File, firstLine),
			"Keep one of the two: Argo CD would apply them in turn.")
	}
}

func (c *checker) documents() []manifest.Document {
	documents := make([]manifest.Document, len(c.objects))
	for i, o := range c.objects {
		documents[i] = o.Document
	}
	return documents
}

// validated turns the results for the documents into findings.
func (c *checker) validated(documents []manifest.Document, validated toolchain.Result[[]toolchain.Validation]) error {
	results, err := validated.Get()
	if err != nil {
		return fmt.Errorf("validate the manifests of %s: %w", cmp.Or(c.cluster.Name, "the fleet"), err)
	}
	if len(results) != len(documents) {
		return fmt.Errorf("validate the manifests of %s: %d objects, %d results", cmp.Or(c.cluster.Name, "the fleet"), len(documents), len(results))
	}
	for i, result := range results {
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
		c.add(RuleUnknownKind, o.File, line, column, message, hint)
		return nil
	case toolchain.Invalid, toolchain.Broken, toolchain.Empty:
		c.problems(o, result)
		return nil
	}
	return fmt.Errorf("%s: unknown result %d for %s", o.File, result.Status, o.title())
}

func (c *checker) problems(o object, result toolchain.Validation) {
	rule, problems := RuleInvalid, result.Problems
	if result.Status != toolchain.Invalid {
		rule = RuleNotAnObject
	}
	if len(problems) == 0 {
		problems = []toolchain.Problem{{Message: "does not conform to the schema of " + o.Head.APIVersion + " " + o.Head.Kind}}
	}
	for _, p := range problems {
		line, column := o.at(p.Path...)
		message := o.title() + ": " + p.Message
		if len(p.Path) > 0 {
			message = o.title() + ": " + field(p.Path) + ": " + p.Message
		}
		c.add(rule, o.File, line, column, message, fmt.Sprintf(
			"The schema is that of %s %s in Kubernetes %s.", o.Head.APIVersion, o.Head.Kind, c.version))
	}
}
