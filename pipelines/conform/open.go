package conform

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// Set is the schemas for a fleet, which are files in the cache.
type Set struct {
	// hosts are the schemas for each host by its name, shared those that fleet.yaml adds
	// for all, by their locations.
	hosts   map[string]toolchain.Schemas
	shared  []string
	folders []folder
	scopes  []bundle.Scope
	// defined are the schemas of the definitions that fleet.yaml names, by their files.
	defined manifest.Files
	ready   func() error
	// failed is why they are not ready; nil until that is known.
	failed atomic.Pointer[error]
}

// folder is one folder of the cache that has to be there.
type folder struct {
	digest string
	files  func() (manifest.Files, error)
}

// Locations are where the schemas for a host are, or will be: each has the digest of
// its content in it.
func (s *Set) Locations(host string) []string { return s.hosts[host].Locations }

// Scopes returns the scopes of the custom resources whose definitions fleet.yaml
// names.
func (s *Set) Scopes() []bundle.Scope { return s.scopes }

// Ready makes sure that the schemas are in the cache, each file with its content,
// and returns those for a host, the fleet's single one by the empty name. It looks once,
// when it is first called: a run that validates nothing needs none. The error is the
// disk's, and the same each time.
func (s *Set) Ready(host string) (toolchain.Schemas, error) { return s.hosts[host], s.ready() }

// Err returns the error of Ready, as far as anybody has called that.
func (s *Set) Err() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// add takes in a folder, and gives where it will be.
func (s *Set) add(cacheDir string, f folder) string {
	if !slices.ContainsFunc(s.folders, func(other folder) bool { return other.digest == f.digest }) {
		s.folders = append(s.folders, f)
	}
	return folderOf(cacheDir, f.digest)
}

// Find returns the schemas for each host of a fleet: Kubernetes' of the host's minor
// version first, then those of fleet.yaml, Argo CD's and Sealed Secrets'. They
// are plain files below cacheDir/schemas, one folder for each content, checked
// and mended by Ready; several processes may do so at once. Findings are
// about fleet.yaml. With a finding that is an error, the schemas are not to be
// used. The error is the disk's.
func Find(f *fleet.Fleet, cacheDir string) (*Set, finding.List, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return nil, nil, fmt.Errorf("find the cache: %w", err)
	}
	if strings.ContainsAny(cacheDir, "{}%") || strings.ContainsFunc(cacheDir, unicode.IsControl) {
		return nil, nil, fmt.Errorf("the cache folder %q has one of {}%% or a control character in its name, which kubeconform cannot read: choose another by KASOU_CACHE", cacheDir)
	}
	s := &Set{hosts: map[string]toolchain.Schemas{}}
	s.ready = sync.OnceValue(func() error {
		err := placeAll(cacheDir, s.folders)
		if err != nil {
			s.failed.Store(&err)
		}
		return err
	})
	var findings finding.List
	for i, path := range f.Spec.Schemas {
		problems, err := s.imported(f.Root, path, cacheDir)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range problems {
			findings = append(findings, f.Finding(finding.Error, RuleSchema, []string{"spec", "schemas", strconv.Itoa(i)}, p.message, p.hint))
		}
	}
	for _, host := range f.Spec.HostNames() {
		problem, err := s.builtin(cacheDir, host, strings.TrimPrefix(f.Spec.HostOf(host).KubernetesVersion, "v"))
		if err != nil {
			return nil, nil, err
		}
		if problem != nil {
			findings = append(findings, f.Finding(problem.severity, RuleVersion, fleet.HostField(host, "kubernetesVersion"), problem.message, problem.hint))
		}
	}
	findings.Sort()
	return s, findings, nil
}

// problem is a finding without its place.
type problem struct {
	severity      finding.Severity
	message, hint string
}

// builtin adds the schemas for a host: the shared ones, and the bundles of this binary.
func (s *Set) builtin(cacheDir, host, version string) (*problem, error) {
	schemas := toolchain.Schemas{KubernetesVersion: version, Locations: slices.Clone(s.shared)}
	defer func() { s.hosts[host] = schemas }()
	name, problem, err := choose(version)
	if err != nil || name == "" {
		return problem, err
	}
	entries, err := bundle.Manifest()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{name, bundle.Custom, bundle.Extensions} {
		at := s.add(cacheDir, folder{digest: entries[name].Files, files: func() (manifest.Files, error) {
			b, err := bundle.Load(name)
			if err != nil {
				return nil, err
			}
			return b.Files()
		}})
		schemas.Locations = append(schemas.Locations, filepath.Join(at, bundle.Location))
	}
	if own := len(s.shared); problem == nil && own > 0 {
		// Kubernetes' own kinds are its own: a schema of fleet.yaml cannot say that anything
		// is one. Of a version that is newer than its schemas here, it may know more.
		schemas.Locations = slices.Concat(schemas.Locations[own:own+1], schemas.Locations[:own], schemas.Locations[own+1:])
	}
	return problem, nil
}

var minorVersion = regexp.MustCompile(`^v?1\.([0-9]{1,3})(\.[0-9]+)?$`)

// choose returns the bundle for a Kubernetes version. It is empty, with a
// problem, where there is none; for a version newer than all it is the newest.
func choose(version string) (name string, p *problem, err error) {
	minors, err := bundle.Minors()
	if err != nil {
		return "", nil, err
	}
	oldest, newest := minors[0], minors[len(minors)-1]
	remedy := fmt.Sprintf("Write a version from 1.%d to 1.%d.", oldest, newest)
	m := minorVersion.FindStringSubmatch(version)
	if m == nil {
		return "", &problem{finding.Error, fmt.Sprintf("%q is not a Kubernetes version", version), remedy}, nil
	}
	minor, err := strconv.Atoi(m[1])
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("the Kubernetes version %q: %w", version, err)
	case minor > newest:
		message := fmt.Sprintf("Kubernetes %s is newer than this kasou: its manifests are held against the schemas of 1.%d", version, newest)
		return "1." + strconv.Itoa(newest), &problem{finding.Note, message, "Take a newer kasou when there is one."}, nil
	case !slices.Contains(minors, minor):
		return "", &problem{finding.Error, fmt.Sprintf("kasou has no schemas for Kubernetes %s", version), remedy}, nil
	}
	return "1." + m[1], nil, nil
}
