// Package handmade reads a tree that people made without kasou, by helm template,
// kubectl and kubeseal: what virtual clusters stand in it, of which chart, and which
// files are of which. It writes nothing.
package handmade

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/exposure"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

const (
	// RuleNothing: there is no rendered virtual cluster in the folder.
	RuleNothing finding.Rule = "import-nothing"
	// RulePlainSecret: a credential stands in the tree unsealed.
	RulePlainSecret finding.Rule = "import-plain-secret"
	// RuleUnreadable: a file is not the YAML that Kubernetes reads.
	RuleUnreadable finding.Rule = "import-unreadable"
	// RuleWhose: a file belongs to none of the clusters, or to several.
	RuleWhose finding.Rule = "import-whose"
)

// maximumFile bounds what is read of one file, in bytes.
const maximumFile = 16 << 20

// Cluster is one virtual cluster, as far as the tree tells.
type Cluster struct {
	// Name is the Helm release's; Namespace that of its workload.
	Name, Namespace string
	// Chart and Version are of the label that the chart writes on all that it renders.
	Chart, Version string
	// Host, ClassName and Annotations are of the rendered Ingress; empty where there is
	// none.
	Host, ClassName string
	// Gateway is what spec.endpoint says of the TLSRoute to the API server; nil where there
	// is none, and where it says more than spec.endpoint can.
	Gateway *fleet.GatewayEndpoint
	// LoadBalancer and NodePort are what spec.endpoint says of the chart's Service; nil
	// where it is of another type, and where spec.endpoint would make another one.
	LoadBalancer *fleet.LoadBalancerEndpoint
	NodePort     *fleet.NodePortEndpoint
	// Server and ServiceCIDR are of the workload's arguments, the server of a newer chart of
	// its values; empty where they have none.
	Server, ServiceCIDR string
	// Values are those of ValuesFile; nil where there is no such file.
	Values     map[string]any
	ValuesFile string
	// Application is the file with the Application, of that name; empty where there is
	// none.
	Application, ApplicationName, Project string
	Automated                             bool
	// Registration is the file with the sealed cluster Secret, of that name.
	Registration, RegistrationName string
	// PodSecurity are the levels of the Namespace's labels, by mode.
	PodSecurity map[string]string
	// Documents are what Argo CD deploys of it, the Namespace too.
	Documents []manifest.Document
}

// Files returns the paths of all files of the cluster, sorted.
func (c Cluster) Files() []string {
	files := []string{}
	for _, d := range c.Documents {
		files = append(files, d.File)
	}
	for _, f := range []string{c.ValuesFile, c.Application, c.Registration} {
		if f != "" {
			files = append(files, f)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// tree is what was read.
type tree struct {
	documents []manifest.Document
	// values are the files that hold chart values, by path.
	values   map[string]map[string]any
	clusters []Cluster
	findings finding.List
}

// Find returns the virtual clusters of the tree below dir, sorted by name. Findings are
// of what it cannot place. The error is one of reading.
func Find(root fs.FS, dir string) ([]Cluster, finding.List, error) {
	t := &tree{values: map[string]map[string]any{}}
	err := fs.WalkDir(root, dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != dir:
			return fs.SkipDir
		case !d.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(file)):
			return nil
		}
		return t.read(root, file)
	})
	if err != nil {
		return nil, nil, err
	}
	t.workloads()
	for i := range t.clusters {
		t.owned(&t.clusters[i])
	}
	t.applications()
	t.registrations()
	for i := range t.clusters {
		t.valuesOf(&t.clusters[i])
		t.clusters[i].service()
	}
	if len(t.clusters) == 0 {
		t.report(dir, 0, finding.Error, RuleNothing, "no rendered virtual cluster is in the folder",
			"Name the folder that has what helm template wrote: kasou import FOLDER.")
	}
	slices.SortFunc(t.clusters, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return t.clusters, t.findings, nil
}

func (t *tree) report(file string, line int, severity finding.Severity, rule finding.Rule, message, hint string) {
	t.findings = append(t.findings, finding.Finding{File: file, Line: line, Severity: severity, Rule: rule, Message: message, Hint: hint})
}

// read sorts one file in: documents of Kubernetes, or values.
func (t *tree) read(root fs.FS, file string) error {
	info, err := fs.Stat(root, file)
	if err != nil {
		return err
	}
	if info.Size() > maximumFile {
		t.report(file, 0, finding.Warning, RuleUnreadable, fmt.Sprintf("it has more than %d MiB and was not read", maximumFile>>20), "Look whether it is one of the cluster's.")
		return nil
	}
	data, err := fs.ReadFile(root, file)
	if err != nil {
		return err
	}
	parsed := manifest.Parse(manifest.Other, file, data)
	for _, d := range parsed.Documents {
		switch {
		case d.Err != nil:
			t.report(file, d.Line, finding.Warning, RuleUnreadable, "it is not the YAML that Kubernetes reads: "+d.Err.Error(), "Correct it, or take it away.")
		case d.Head.Kind != "" && d.Head.APIVersion != "":
			t.documents = append(t.documents, d)
		case len(parsed.Documents) == 1 && d.Object != nil && strings.Contains(path.Base(file), "values"):
			t.values[file] = d.Object
		}
	}
	return nil
}

// chartLabel is what the vcluster charts write as the label chart, and others as
// helm.sh/chart.
var chartLabel = regexp.MustCompile(`^(vcluster(?:-k8s|-k0s|-eks)?)-([0-9]+\.[0-9]+\.[0-9]+.*)$`)

// workloads finds the clusters: each has one StatefulSet or Deployment of the vcluster
// chart that bears the release's own name.
func (t *tree) workloads() {
	for _, d := range t.documents {
		if d.Head.Kind != "StatefulSet" && d.Head.Kind != "Deployment" {
			continue
		}
		labels := text(d.Object, "metadata", "labels")
		m := chartLabel.FindStringSubmatch(cmp.Or(labels["chart"], labels["helm.sh/chart"]))
		if m == nil || d.Head.Name != labels["release"] {
			continue
		}
		c := Cluster{Name: d.Head.Name, Namespace: d.Head.Namespace, Chart: m[1], Version: m[2]}
		if same := slices.IndexFunc(t.clusters, func(o Cluster) bool { return o.Name == c.Name }); same >= 0 {
			t.report(d.File, d.Line, finding.Error, RuleWhose,
				fmt.Sprintf("the cluster %s is rendered twice: here and in namespace %s", c.Name, t.clusters[same].Namespace),
				"Import the folders one by one, each with kasou import FOLDER.")
			continue
		}
		arguments(d.Object, &c)
		t.clusters = append(t.clusters, c)
	}
}

// arguments reads what the workload's containers are started with.
func arguments(object map[string]any, c *Cluster) {
	for _, argument := range strings.Fields(strings.Join(texts(object), " ")) {
		argument = strings.Trim(argument, `"'`)
		for flag, field := range map[string]*string{
			"--out-kube-config-server=": &c.Server, "--service-cidr=": &c.ServiceCIDR, "--service-cluster-ip-range=": &c.ServiceCIDR,
		} {
			if value, ok := strings.CutPrefix(argument, flag); ok && *field == "" {
				*field = value
			}
		}
	}
}

// owned gathers what Argo CD deploys of a cluster.
func (t *tree) owned(c *Cluster) {
	for _, d := range t.documents {
		labels := text(d.Object, "metadata", "labels")
		if d.Head.Kind == "SealedSecret" && labels["release"] == "" { // kubeseal has those of the Secret in the template
			labels = text(d.Object, "spec", "template", "metadata", "labels")
		}
		switch {
		case d.Head.Kind == "Namespace" && d.Head.Name == c.Namespace:
			c.PodSecurity = map[string]string{}
			for _, mode := range []string{"enforce", "audit", "warn"} {
				if level := labels["pod-security.kubernetes.io/"+mode]; level != "" {
					c.PodSecurity[mode] = level
				}
			}
		case d.Head.Namespace == c.Namespace && isRoute(d, c.Name): // charts before 0.34 have none, so people wrote it
		case labels["release"] != c.Name || chartLabel.FindString(cmp.Or(labels["chart"], labels["helm.sh/chart"])) == "" && d.Head.Namespace != c.Namespace:
			continue
		}
		if d.Head.Kind == "Secret" {
			t.report(d.File, d.Line, finding.Warning, RulePlainSecret, "the Secret "+d.Head.Name+" stands in the tree unsealed",
				"The build seals it; change what is in it, as git remembers.")
		}
		if d.Head.Kind == "Ingress" {
			c.ingress(d.Object)
		}
		if isRoute(d, c.Name) {
			c.Gateway = gateway(d, c.Name)
		}
		c.Documents = append(c.Documents, d)
	}
}

func (c *Cluster) ingress(object map[string]any) {
	rules := manifest.Maps(object, "spec", "rules")
	if len(rules) == 0 {
		return
	}
	c.Host = manifest.Text(rules[0], "host")
	c.ClassName = cmp.Or(manifest.Text(object, "spec", "ingressClassName"), manifest.Text(object, "metadata", "annotations", "kubernetes.io/ingress.class"))
}

// isRoute reports whether a document is a TLSRoute to the release's API server.
func isRoute(d manifest.Document, release string) bool {
	ways := exposure.Of([]map[string]any{d.Object}, release)
	return len(ways) == 1 && ways[0].Kind == exposure.TLSRoute
}

// gateway returns a TLSRoute as spec.endpoint has it; nil where that cannot say the same: it
// has one name, and names Gateways alone.
func gateway(d manifest.Document, release string) *fleet.GatewayEndpoint {
	hosts := exposure.Of([]map[string]any{d.Object}, release)[0].Hosts
	if len(hosts) != 1 || strings.HasPrefix(hosts[0], "*") {
		return nil
	}
	parents, err := yaml.Marshal(manifest.At(d.Object, "spec", "parentRefs"))
	g := &fleet.GatewayEndpoint{Host: hosts[0], Annotations: text(d.Object, "metadata", "annotations")}
	if err != nil || yaml.UnmarshalStrict(parents, &g.ParentRefs) != nil || len(g.ParentRefs) == 0 {
		return nil
	}
	return g
}

// applications assigns to each cluster its Application: the one whose path has the
// cluster's workload below it.
func (t *tree) applications() {
	for _, d := range t.documents {
		if d.Head.Kind != "Application" || !strings.HasPrefix(d.Head.APIVersion, "argoproj.io/") {
			continue
		}
		from := manifest.Text(d.Object, "spec", "source", "path")
		for i := range t.clusters {
			c := &t.clusters[i]
			if c.Application != "" || !c.below(from) {
				continue
			}
			c.Application, c.ApplicationName = d.File, d.Head.Name
			c.Project = manifest.Text(d.Object, "spec", "project")
			c.Automated = manifest.At(d.Object, "spec", "syncPolicy", "automated") != nil
		}
	}
}

// below reports whether the cluster's manifests stand in or below a folder.
func (c *Cluster) below(folder string) bool {
	folder = path.Clean(folder)
	return folder != "." && slices.ContainsFunc(c.Documents, func(d manifest.Document) bool {
		return d.Head.Kind != "Namespace" && strings.HasPrefix(d.File, folder+"/")
	})
}

const clusterLabel = "argocd.argoproj.io/secret-type"

// registrations assigns to each cluster its cluster Secret, by the names of the object and
// of the file: what is in it is sealed.
func (t *tree) registrations() {
	for _, d := range t.documents {
		template := text(d.Object, "spec", "template", "metadata", "labels")
		switch {
		case d.Head.Kind == "Secret" && text(d.Object, "metadata", "labels")[clusterLabel] == "cluster":
			t.report(d.File, d.Line, finding.Error, RulePlainSecret, "the credential of a virtual cluster stands in the tree unsealed",
				"Take the file away, and give the virtual cluster another credential: git remembers this one.")
			continue
		case d.Head.Kind != "SealedSecret" || template[clusterLabel] != "cluster":
			continue
		}
		owner := t.ownerOf(d)
		if owner == nil {
			t.report(d.File, d.Line, finding.Warning, RuleWhose, "the cluster Secret "+d.Head.Name+" is of none of the clusters that were found, or of several",
				"Look whose it is: two cluster Secrets with one server give Argo CD either credential.")
			continue
		}
		owner.Registration, owner.RegistrationName = d.File, d.Head.Name
	}
}

// ownerOf returns the cluster whose name stands in the names of a document; nil where
// that is none.
func (t *tree) ownerOf(d manifest.Document) *Cluster {
	for _, text := range []string{d.Head.Name, path.Base(d.File), d.File} {
		if c := t.named(text); c != nil && c.Registration == "" {
			return c
		}
	}
	return nil
}

// named returns the cluster whose name stands in text as words of their own, the longest
// where one cluster's name is a part of another's; nil where that is none.
func (t *tree) named(text string) *Cluster {
	var found *Cluster
	for i := range t.clusters {
		c := &t.clusters[i]
		word := regexp.MustCompile(`(^|[^a-z0-9])` + regexp.QuoteMeta(c.Name) + `($|[^a-z0-9])`)
		if word.MatchString(text) && (found == nil || len(c.Name) > len(found.Name)) {
			found = c
		}
	}
	return found
}

// valuesOf finds the cluster's values: the file whose path has the cluster's name, or
// the nearest above its manifests that has no other cluster's.
func (t *tree) valuesOf(c *Cluster) {
	best, nearest := "", -1
	for file := range t.values {
		score := -1
		switch owner := t.named(file); {
		case owner != nil && owner.Name == c.Name:
			score = 1000
		case owner == nil && c.below(path.Dir(file)):
			score = strings.Count(file, "/")
		}
		if score > nearest || score == nearest && score >= 0 && file < best {
			best, nearest = file, score
		}
	}
	if nearest >= 0 {
		c.ValuesFile, c.Values = best, t.values[best]
	}
}

// text returns the texts of a mapping below object.
func text(object map[string]any, keys ...string) map[string]string {
	for _, k := range keys {
		object, _ = object[k].(map[string]any)
	}
	all := make(map[string]string, len(object))
	for k, v := range object {
		all[k], _ = v.(string)
	}
	return all
}

// texts returns every text in a value.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, texts(e)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, e := range v {
			all = append(all, texts(e)...)
		}
		return all
	}
	return nil
}

// ReadValues parses chart values.
func ReadValues(data []byte) (map[string]any, error) {
	values := map[string]any{}
	err := yaml.Unmarshal(data, &values)
	return values, err
}

// Beyond returns what of values is not in base: with base below it, the chart gets the
// same. own are the values that kasou makes of the spec, a part of base: a list that
// stands in both keeps kasou's items, which would be lost, as a list replaces a list. nil
// where nothing is left.
func Beyond(values, base, own map[string]any) map[string]any {
	left := map[string]any{}
	for key, value := range values {
		old, there := base[key]
		inner, isMap := value.(map[string]any)
		under, wasMap := old.(map[string]any)
		mine, _ := own[key].(map[string]any)
		list, isList := value.([]any)
		items, hasItems := own[key].([]any)
		switch {
		case isMap && wasMap:
			if more := Beyond(inner, under, mine); more != nil {
				left[key] = more
			}
		case !there && (value == nil || isMap && len(inner) == 0):
		case isList && hasItems:
			if more := without(list, items); len(more) > 0 {
				left[key] = slices.Concat(items, more)
			}
		case !there || !same(value, old):
			left[key] = value
		}
	}
	if len(left) == 0 {
		return nil
	}
	return left
}

// without returns the items that are not among others.
func without(items, others []any) []any {
	return slices.DeleteFunc(slices.Clone(items), func(item any) bool {
		return slices.ContainsFunc(others, func(o any) bool { return same(item, o) })
	})
}

func same(a, b any) bool {
	left, errLeft := yaml.Marshal(a)
	right, errRight := yaml.Marshal(b)
	return errLeft == nil && errRight == nil && string(left) == string(right)
}

// Difference is one object that the new tree has, or has not, or has otherwise.
type Difference struct {
	// Object is KIND NAMESPACE/NAME.
	Object string
	// Kind is added, removed or changed.
	Kind string
	// Fields are the paths that differ, where the object changed.
	Fields []string
}

// Compare returns what differs between the documents of a handmade tree and those that
// kasou writes, sorted by object.
func Compare(before, after []manifest.Document) []Difference {
	old, wanted := byObject(before), byObject(after)
	var all []Difference
	for name, d := range old {
		other, there := wanted[name]
		if !there {
			all = append(all, Difference{Object: name, Kind: "removed"})
			continue
		}
		if fields := differing(d.Object, other.Object, ""); len(fields) > 0 {
			slices.Sort(fields)
			all = append(all, Difference{Object: name, Kind: "changed", Fields: fields})
		}
	}
	for name := range wanted {
		if _, there := old[name]; !there {
			all = append(all, Difference{Object: name, Kind: "added"})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return cmp.Compare(a.Object, b.Object) })
	return all
}

func byObject(documents []manifest.Document) map[string]manifest.Document {
	all := map[string]manifest.Document{}
	for _, d := range documents {
		kind := d.Head.Kind
		if kind == "SealedSecret" {
			kind = "Secret" // the same object once it is unsealed
		}
		all[kind+" "+path.Join(d.Head.Namespace, d.Head.Name)] = d
	}
	return all
}

// differing returns the paths at which two values differ. A Secret and what it is sealed
// into are not compared: what is in them is not for a report.
func differing(a, b map[string]any, at string) []string {
	if at == "" && (a["kind"] == "SealedSecret" || b["kind"] == "SealedSecret") {
		if a["kind"] == b["kind"] {
			return nil
		}
		return []string{"kind (sealed now)"}
	}
	var fields []string
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for k := range keys {
		left, isLeft := a[k].(map[string]any)
		right, isRight := b[k].(map[string]any)
		switch {
		case isLeft && isRight:
			fields = append(fields, differing(left, right, at+k+".")...)
		case !same(a[k], b[k]):
			fields = append(fields, at+k)
		}
	}
	return fields
}
