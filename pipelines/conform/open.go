package conform

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

// Open gives the schemas for a fleet: those of fleet.yaml first, then
// Kubernetes' of the host's minor version, Argo CD's and Sealed Secrets'. They
// are plain files below cacheDir/schemas, one folder for each content, checked
// and mended on every call; several processes may do so at once. Findings are
// about fleet.yaml. With a finding that is an error, the schemas are not to be
// used. The error is the disk's.
func Open(f *fleet.Fleet, cacheDir string) (toolchain.Schemas, finding.List, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return toolchain.Schemas{}, nil, fmt.Errorf("find the cache: %w", err)
	}
	if strings.ContainsAny(cacheDir, "{}%") {
		return toolchain.Schemas{}, nil, fmt.Errorf("the cache folder %s has one of {}%% in its name, which kubeconform cannot read; choose another by KASOU_CACHE", cacheDir)
	}
	schemas := toolchain.Schemas{KubernetesVersion: strings.TrimPrefix(f.Spec.Host.KubernetesVersion, "v")}
	var findings finding.List
	for i, path := range f.Spec.Schemas {
		locations, problems, err := imported(f.Root, path, cacheDir)
		if err != nil {
			return toolchain.Schemas{}, nil, err
		}
		schemas.Locations = append(schemas.Locations, locations...)
		for _, p := range problems {
			findings = append(findings, f.Finding(finding.Error, RuleSchema, []string{"spec", "schemas", strconv.Itoa(i)}, p.message, p.hint))
		}
	}
	builtin, problem, err := builtinLocations(schemas.KubernetesVersion, cacheDir)
	if err != nil {
		return toolchain.Schemas{}, nil, err
	}
	if problem != nil {
		findings = append(findings, f.Finding(problem.severity, RuleVersion, []string{"spec", "host", "kubernetesVersion"}, problem.message, problem.hint))
	}
	schemas.Locations = append(schemas.Locations, builtin...)
	findings.Sort()
	return schemas, findings, nil
}

// problem is a finding without its place.
type problem struct {
	severity      finding.Severity
	message, hint string
}

func builtinLocations(version, cacheDir string) ([]string, *problem, error) {
	name, problem, err := choose(version)
	if err != nil {
		return nil, nil, err
	}
	if name == "" {
		return nil, problem, nil
	}
	entries, err := bundle.Manifest()
	if err != nil {
		return nil, nil, err
	}
	var locations []string
	for _, name := range []string{name, bundle.Custom} {
		folder, err := place(cacheDir, entries[name].Files, func() (tree.Files, error) {
			b, err := bundle.Load(name)
			if err != nil {
				return nil, err
			}
			return b.Files()
		})
		if err != nil {
			return nil, nil, err
		}
		locations = append(locations, filepath.Join(folder, bundle.Location))
	}
	return locations, problem, nil
}

var minorVersion = regexp.MustCompile(`^v?1\.([0-9]{1,3})(\.[0-9]+)?$`)

// choose gives the bundle for a Kubernetes version. It is empty, with a
// problem, where there is none; for a version newer than all it is the newest.
func choose(version string) (name string, p *problem, err error) {
	minors, err := bundle.Minors()
	if err != nil {
		return "", nil, err
	}
	oldest, newest := minors[0], minors[len(minors)-1]
	remedy := fmt.Sprintf("write a version from 1.%d to 1.%d", oldest, newest)
	m := minorVersion.FindStringSubmatch(version)
	if m == nil {
		return "", &problem{finding.Error, fmt.Sprintf("%q is no Kubernetes version", version), remedy}, nil
	}
	minor, err := strconv.Atoi(m[1])
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("the Kubernetes version %q: %w", version, err)
	case minor > newest:
		message := fmt.Sprintf("Kubernetes %s is newer than this kasou: its manifests are held against the schemas of 1.%d", version, newest)
		return "1." + strconv.Itoa(newest), &problem{finding.Note, message, "take a newer kasou when there is one"}, nil
	case !slices.Contains(minors, minor):
		return "", &problem{finding.Error, fmt.Sprintf("kasou has no schemas for Kubernetes %s", version), remedy}, nil
	}
	return "1." + m[1], nil, nil
}
