package chart

import (
	"context"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/fleet"
)

// Versions returns the versions of the chart at its source, newest first, and
// none for a path. Pre-releases are left out unless the chart's own version is
// one; what is not a semantic version is left out. The error may be a *Problem.
func (s *Store) Versions(ctx context.Context, ref fleet.Chart) ([]string, error) {
	if ref.Path != "" {
		return nil, nil
	}
	if problem := checkRepository(ref.Repository); problem != nil {
		return nil, problem
	}
	current, err := semver.NewVersion(ref.Version)
	pre := err == nil && current.Prerelease() != ""
	all, err := s.source(ref).versions(ctx, ref)
	if err != nil {
		return nil, err
	}
	return newestFirst(all, pre), nil
}

// newestFirst returns the semantic versions among all, each once, newest first.
func newestFirst(all []string, prereleases bool) []string {
	var kept []string
	for _, version := range all {
		parsed, err := semver.NewVersion(version)
		if err == nil && (prereleases || parsed.Prerelease() == "") {
			kept = append(kept, version)
		}
	}
	slices.SortFunc(kept, descending)
	return slices.Compact(kept)
}

// descending orders versions, newest first; equal ones, and what is not a version,
// by their text.
func descending(a, b string) int {
	left, leftErr := semver.NewVersion(a)
	right, rightErr := semver.NewVersion(b)
	if leftErr == nil && rightErr == nil {
		if order := right.Compare(left); order != 0 {
			return order
		}
	}
	return strings.Compare(b, a)
}
