package chart

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"kasou/pipelines/fleet"
)

const maxSuggestions = 5

// answered returns the error of a request, as a *Problem where the target answers 4xx.
func answered(target string, err error) error {
	if code := statusCode(err); code >= 400 && !transient(err) {
		return refused(target, code)
	}
	return err
}

// refused is a 4xx answer for something at a repository.
func refused(target string, code int) *Problem {
	p := repositoryProblem(fmt.Sprintf("%s answers %d %s", target, code, http.StatusText(code)),
		"Check the repository's URL, and whether a proxy is in the way.")
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		p.Rule = RuleCredentials
		p.Hint = "Log in with `helm repo add --username …` or `helm registry login`, or check that the chart exists: many servers answer so for what is not there."
	case http.StatusNotFound, http.StatusGone:
		p.Rule, p.Hint = RuleNotFound, "Check the repository's URL; it is the one that `helm repo add` takes."
	}
	return p
}

func tooLarge(target string, limit int64) *Problem {
	return &Problem{
		Rule: RuleArchive, Field: "repository",
		Message: fmt.Sprintf("%s is larger than the limit of %d bytes", target, limit),
		Hint:    "Check the URL: no chart, and no index of charts, is that large.",
	}
}

func noSuchChart(ref fleet.Chart, index repositoryIndex) *Problem {
	names := slices.Sorted(maps.Keys(index))
	return &Problem{
		Rule: RuleNotFound, Field: "name",
		Message: fmt.Sprintf("%s has no chart %q", redact(ref.Repository), ref.Name),
		Hint:    "It has " + listed(around(names, ref.Name, strings.Compare)) + ".",
	}
}

func noSuchVersion(ref fleet.Chart, versions []string) *Problem {
	p := &Problem{
		Rule: RuleNotFound, Field: "version",
		Message: fmt.Sprintf("%s has no version %s of %s", redact(ref.Repository), ref.Version, ref.Name),
		Hint:    "Check repository, name and version.",
	}
	if ordered := newestFirst(versions, true); len(ordered) > 0 {
		p.Hint = "The nearest versions are " + listed(around(ordered, ref.Version, descending)) + "."
	}
	return p
}

// around returns some items next to where item would stand in the sorted list.
func around(sorted []string, item string, compare func(a, b string) int) []string {
	at, _ := slices.BinarySearchFunc(sorted, item, compare)
	from := max(0, min(at-maxSuggestions/2, len(sorted)-maxSuggestions))
	return sorted[from:min(len(sorted), from+maxSuggestions)]
}

func listed(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}
