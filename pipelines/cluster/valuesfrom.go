package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/render"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
	"kasou/pipelines/workspace"
)

const (
	// RuleValueMissing: a value of valuesFrom is not there.
	RuleValueMissing finding.Rule = "values-missing"
	// RuleValueUnfit: a value of valuesFrom that kasou cannot keep secret, or
	// that is not text.
	RuleValueUnfit finding.Rule = "values-unfit"
	// RuleValuePlain: a value of valuesFrom stands in a generated file all the
	// same, because git has it elsewhere.
	RuleValuePlain finding.Rule = "values-plain"
	// RuleValuesUnknown: a check without the values of valuesFrom.
	RuleValuesUnknown finding.Rule = "values-unknown"
)

// secretValues are the chart values of one cluster that must not stand in git.
type secretValues struct {
	cluster fleet.Cluster
	values  []secretValue
	// known says that all values, and the key, are at hand.
	known bool
}

type secretValue struct {
	fleet.ValueFrom
	// placeholder stands in values.yaml and whatever is not sealed.
	placeholder string
	// real is the value; empty where it is not at hand.
	real string
}

// Format keeps the values out of whatever prints them.
func (v secretValue) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(v.placeholder)) }

// valueSource brings the values of valuesFrom.
type valueSource struct{ *workspace.Workspace }

// fill puts placeholders for the values of valuesFrom into the cluster's spec,
// and gets the values themselves. A run that only looks does without them.
func (r valueSource) fill(ctx context.Context, c *fleet.Cluster) (secretValues, finding.List, error) {
	h := secretValues{known: true}
	var findings finding.List
	for i, v := range c.Spec.ValuesFrom {
		one := secretValue{ValueFrom: v}
		value, found, err := r.valueOf(ctx, *c, i)
		switch {
		case ctx.Err() != nil:
			return h, nil, ctx.Err()
		case err == nil && found == nil:
			one.real = value
		case !r.OnlyLooks:
			if findings = append(findings, found...); err != nil {
				return h, findings, err
			}
		default:
			h.known = false
			findings = append(findings, r.unknown(*c, i, found, err))
		}
		one.placeholder = r.placeholder(*c, one)
		h.values = append(h.values, one)
	}
	for _, v := range h.values {
		c.Spec.Values = withValue(c.Spec.Values, v.placeholder, v.Keys()...)
	}
	h.cluster = *c
	return h, findings, nil
}

func valueField(i int) []string { return []string{"spec", "valuesFrom", strconv.Itoa(i)} }

// unknown says of a check that it goes on without a value.
func (r valueSource) unknown(c fleet.Cluster, i int, found finding.List, err error) finding.Finding {
	why := ""
	if err != nil {
		why = err.Error()
	} else if len(found) > 0 {
		why = found[0].Message
	}
	return c.Finding(finding.Note, RuleValuesUnknown, valueField(i),
		"checked without a value of valuesFrom, so the sealed Secrets that it goes into are not compared: "+why,
		"To have them compared, check where the value and "+seal.KeyEnv+" are.")
}

// valueOf gets the value of one entry; a finding says what a person can mend.
func (r valueSource) valueOf(ctx context.Context, c fleet.Cluster, i int) (string, finding.List, error) {
	refuse := func(rule finding.Rule, message, hint string) (string, finding.List, error) {
		return "", finding.List{c.Finding(finding.Error, rule, valueField(i), message, hint)}, nil
	}
	v := c.Spec.ValuesFrom[i]
	value, err := r.read(ctx, c, v)
	var none *host.NoSecretError
	switch {
	case errors.As(err, &none):
		return refuse(RuleValueMissing, none.Error(), "Make the Secret, or correct valuesFrom.")
	case err != nil:
		return "", nil, err
	case value == "":
		return refuse(RuleValueMissing, v.Source()+" is not set, or empty", "Set it where kasou runs; in CI, from a secret of the repository.")
	case len(value) < seal.MinimumValue:
		return refuse(RuleValueUnfit, fmt.Sprintf("%s has fewer than %d bytes: too short to be sure that it stands nowhere else", v.Source(), seal.MinimumValue), "Use a longer value.")
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return refuse(RuleValueUnfit, v.Source()+" is not text, which a chart value must be", "Encode it, such as in base64, if the chart takes that.")
	case r.Key == nil:
		return refuse(seal.RuleKeyNeeded, "valuesFrom needs "+seal.KeyEnv+", which is not set", "Make a key with `openssl rand -hex 32`, keep it where CI keeps its secrets, and set it as "+seal.KeyEnv+".")
	}
	return value, nil, nil
}

func (r valueSource) read(ctx context.Context, c fleet.Cluster, v fleet.ValueFrom) (string, error) {
	if v.Secret == nil {
		if r.Getenv == nil {
			return "", nil
		}
		return r.Getenv(v.Env), nil
	}
	if r.OpenHost == nil {
		return "", fmt.Errorf("there is no host cluster to ask for %s", v.Source())
	}
	at := r.Hosts.Of(c)
	if lost := at.Lost(); lost != nil {
		return "", r.Hosts.By(at, lost)
	}
	asked, err := at.Open()
	if err != nil {
		return "", r.Hosts.By(at, err)
	}
	value, err := host.SecretValue(ctx, asked, v.Secret.Namespace, v.Secret.Name, v.Secret.Key)
	return string(value), r.Hosts.By(at, at.Note(err))
}

// placeholder says where the value comes from, with a fingerprint that only the
// key can make, so that whatever the chart derives from its values changes with
// them. A data source has one of its place, too, so that a plan tells another password from
// another database. Where the value is not at hand, it is the one that values.yaml has.
func (r valueSource) placeholder(c fleet.Cluster, v secretValue) string {
	if v.real != "" {
		at := ""
		if place, ok := credential.DataSourcePlace(v.real); ok && strings.Contains(v.real, "://") && place != v.real {
			at = " at " + r.Key.Fingerprint(c.Name, v.Path, place)
		}
		return fmt.Sprintf("(sealed: %s %s%s)", v.Source(), r.Key.Fingerprint(c.Name, v.Path, v.real), at)
	}
	written := regexp.MustCompile(`^\(sealed: ` + regexp.QuoteMeta(v.Source()) + ` [0-9a-f]{16}( at [0-9a-f]{16})?\)$`)
	if d, err := position.Parse(r.Committed(r.Paths(c.Name).Values()), 0); err == nil {
		if text, ok := d.Scalar(v.Keys()...); ok && written.MatchString(text) {
			return text
		}
	}
	return fmt.Sprintf("(sealed: %s)", v.Source())
}

// withValue returns values with one more at keys. It changes none of the maps.
func withValue(values map[string]any, value any, keys ...string) map[string]any {
	out := maps.Clone(values)
	if out == nil {
		out = map[string]any{}
	}
	if len(keys) > 1 {
		below, _ := out[keys[0]].(map[string]any)
		value = withValue(below, value, keys[1:]...)
	}
	out[keys[0]] = value
	return out
}

// variants renders a cluster's chart with the values of valuesFrom: what is to become of
// files, which were rendered with placeholders. It is nil where there are no such
// values. at returns the path of a rendered file.
func (r valueSource) variants(ctx context.Context, h secretValues, release toolchain.Release, values map[string]any, files manifest.Set, at func(string) string) (*seal.SecretValues, finding.List, error) {
	if len(h.values) == 0 {
		return nil, nil, nil
	}
	other, found, err := r.render(ctx, h, release, values, secretValue.standIn)
	if err != nil || found.Failed() {
		return nil, found, err
	}
	alike, found, err := r.render(ctx, h, release, values, r.alike)
	if err != nil {
		return nil, nil, err
	}
	if found.Failed() {
		return nil, finding.List{h.cluster.Finding(finding.Error, seal.RuleUnsealedValue, []string{"spec", "valuesFrom"},
			"the chart renders with the values of valuesFrom and not with others of the same form and length: it depends on what they say",
			"Leave the value out of what the chart branches on.")}, nil
	}
	in := func(rendered manifest.Files) manifest.Set {
		all := maps.Clone(files)
		for name := range files {
			if strings.HasPrefix(name, at("")+"/"+release.Chart.Name+"/") {
				delete(all, name)
			}
		}
		for name, data := range rendered {
			all.Add(manifest.Rendered, at(name), data)
		}
		return all
	}
	made := &seal.SecretValues{Files: in(other), Alike: in(alike), Known: h.known}
	for _, v := range h.values {
		made.Placeholders = append(made.Placeholders, v.placeholder)
	}
	return made, nil, nil
}

// standIn is the value or, where it is not at hand, another one: of another length
// than the placeholder, so that a chart that shows the length is found out.
func (v secretValue) standIn() string {
	if v.real != "" {
		return v.real
	}
	value := "not at hand: a value of valuesFrom"
	if len(value) == len(v.placeholder) {
		value += "."
	}
	return value
}

// alike is another value of the same length and form as what stands in for v.
func (r valueSource) alike(v secretValue) string {
	seed := v.placeholder // of what is not a secret
	if v.real != "" {
		seed = r.Key.Fingerprint(v.Path, "another value of the same length", v.real)
	}
	return otherwise(v.standIn(), seed)
}

// render renders once more, with what value returns in the placeholders' place.
func (r valueSource) render(ctx context.Context, h secretValues, release toolchain.Release, values map[string]any, value func(secretValue) string) (manifest.Files, finding.List, error) {
	for _, v := range h.values {
		values = withValue(values, value(v), v.Keys()...)
	}
	var err error
	if release.Values, err = vcluster.MarshalValues(values); err != nil {
		return nil, nil, errors.New("the values of valuesFrom cannot be written as YAML")
	}
	var helm toolchain.Helm = r.Toolchain
	if r.InProcess != nil {
		if helm, err = r.InProcess(); err != nil {
			return nil, nil, err
		}
	}
	release.WillValidate = false
	return render.WithSecretValues(ctx, helm, h.cluster, release)
}

// plain looks whether a value stands in what is about to be written.
func (h secretValues) plain(files manifest.Set) finding.List {
	var findings finding.List
	for i, v := range h.values {
		if v.real == "" {
			continue
		}
		search := seal.NewSearch(v.real)
		for _, file := range files.Paths() {
			if line, stands := search.Line(files[file].Bytes); stands {
				findings = append(findings, h.cluster.Finding(finding.Error, RuleValuePlain, valueField(i),
					fmt.Sprintf("the value of %s would stand in %s:%d, where it does not come from valuesFrom", v.Source(), file, line),
					"Git has the value in another place, such as values or the chart: take it out there, and change it, as git's history keeps it."))
			}
		}
	}
	return findings
}
