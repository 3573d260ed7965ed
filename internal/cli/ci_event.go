package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"kasou/pipelines/history"
)

// eventOf returns what started the run, by GitHub's names; empty outside of GitHub's
// Actions and GitLab CI.
func eventOf(getenv func(string) string) string {
	if event := getenv("GITHUB_EVENT_NAME"); event != "" || getenv("GITLAB_CI") != "true" {
		return event
	}
	source := getenv("CI_PIPELINE_SOURCE")
	if source == "merge_request_event" {
		return "pull_request"
	}
	return source
}

// byEvent returns the pipeline and the way to publish that a GitHub event asks
// for.
func byEvent(event string) (pipeline, publish string, err error) {
	switch event {
	case "push":
		return "build", "commit", nil
	case "pull_request", "merge_group":
		return "check", "none", nil
	case "schedule":
		return "drift", "none", nil
	case "":
		return "build", "none", nil
	}
	return "", "", usagef("nothing is to be run by itself on the event %q: say build, check, register, drift or upgrade", event)
}

// beforeMerge reports whether a GitHub event is about a change that is not merged:
// whoever proposes one would have kasou push what it builds from that, with the
// token of pull_request_target into the base branch.
func beforeMerge(event string) bool {
	return strings.HasPrefix(event, "pull_request") || event == "merge_group"
}

// before returns the commit that a push starts from, as GitHub tells it; empty
// where it does not, and for a branch that is new.
func before(getenv func(string) string) (string, error) {
	if getenv("GITHUB_EVENT_NAME") == "" && getenv("GITLAB_CI") == "true" {
		return beforeOnGitLab(getenv), nil
	}
	var event struct {
		Before string `json:"before"`
	}
	if getenv("GITHUB_EVENT_NAME") != "push" {
		return "", nil
	}
	err := readEvent(getenv, &event)
	return commitOrNone(event.Before), err
}

// merge returns from where to where a pull request, or a group in a merge queue, goes, as
// GitHub tells it; nothing where it does not, and for another event.
func merge(getenv func(string) string) (history.Merge, error) {
	type commit struct {
		SHA string `json:"sha"`
	}
	var event struct {
		PullRequest struct {
			Base commit `json:"base"`
			Head commit `json:"head"`
		} `json:"pull_request"`
		MergeGroup struct {
			BaseSHA string `json:"base_sha"`
		} `json:"merge_group"`
	}
	if !beforeMerge(getenv("GITHUB_EVENT_NAME")) {
		return history.Merge{}, nil
	}
	err := readEvent(getenv, &event)
	return history.Merge{
		Into: commitOrNone(cmp.Or(event.PullRequest.Base.SHA, event.MergeGroup.BaseSHA)), Tip: commitOrNone(event.PullRequest.Head.SHA),
	}, err
}

// readEvent reads what GitHub tells of the event; nothing where it does not.
func readEvent(getenv func(string) string, into any) error {
	file := getenv("GITHUB_EVENT_PATH")
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("GITHUB_EVENT_PATH: %w", err)
	}
	return nil
}

// beforeOnGitLab returns the commit that a push or a merge request starts from
// (https://docs.gitlab.com/ci/variables/predefined_variables/).
func beforeOnGitLab(getenv func(string) string) string {
	switch eventOf(getenv) {
	case "push":
		return commitOrNone(getenv("CI_COMMIT_BEFORE_SHA"))
	case "pull_request":
		return getenv("CI_MERGE_REQUEST_DIFF_BASE_SHA")
	}
	return ""
}

// commitOrNone returns nothing for the commit of zeros, from which a new branch starts.
func commitOrNone(commit string) string {
	if strings.Trim(commit, "0") == "" {
		return ""
	}
	return commit
}
