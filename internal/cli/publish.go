package cli

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"path"
	"slices"

	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/fleet"
	"kasou/pipelines/publish"
	"kasou/pipelines/report"
)

// publisher looks, before the long build, whether its result can be published.
func (c *ciCommand) publisher(ctx context.Context, s *session) (*publish.Publisher, error) {
	author, err := identity(c.author, c.env.Getenv)
	if err != nil {
		return nil, err
	}
	return publish.Open(ctx, publish.Options{
		Root: s.root, Inputs: inputsOf(s.location), Author: author,
		Log: func(line string) { fmt.Fprintln(c.env.Stderr, "kasou: "+report.Inert(line)) },
	})
}

// actionsBot is GitHub's own account for what workflows do.
var actionsBot = publish.Identity{Name: "github-actions[bot]", Email: "41898282+github-actions[bot]@users.noreply.github.com"}

// identity returns the author that was asked for; without one, GitHub's account in
// its Actions, where git has no identity, and git's own elsewhere.
func identity(author string, getenv func(string) string) (publish.Identity, error) {
	switch {
	case author == "" && getenv("GITHUB_ACTIONS") == "true":
		return actionsBot, nil
	case author == "":
		return publish.Identity{}, nil
	}
	address, err := mail.ParseAddress(author)
	if err != nil || address.Name == "" {
		return publish.Identity{}, usagef("--author %q: it takes \"Name <mail>\"", author)
	}
	return publish.Identity{Name: address.Name, Email: address.Address}, nil
}

// inputsOf returns the folders and files that a build reads.
func inputsOf(s location) []string {
	all := []string{s.dir}
	f, _, err := fleet.Load(s.root, s.dir)
	if err != nil {
		return all // the build will say so
	}
	all = append(all, f.Spec.Schemas...)
	for _, c := range f.Clusters {
		if local := c.Spec.Chart.Path; local != "" {
			all = append(all, local)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// built returns what the publisher needs to know of a build.
func built(r *report.Report) publish.Built {
	b := publish.Built{Findings: r.Findings, Message: publish.Message{Tools: r.Tools}}
	for _, c := range r.Clusters {
		if len(c.Changes) == 0 {
			continue
		}
		b.Message.Changes = append(b.Message.Changes, publish.Change{Cluster: c.Name, Reasons: c.Reasons})
		b.Files = append(b.Files, paths(c.Changes)...)
	}
	b.Files = append(b.Files, paths(r.Fleet)...)
	return b
}

func paths(changes []report.Change) []string {
	all := make([]string, len(changes))
	for i, c := range changes {
		all[i] = path.Clean(c.Path)
	}
	return all
}

// rebuild runs the pipeline on a fresh checkout of the branch's new tip.
func rebuild(ctx context.Context, s *session, root string, write pipelines.Pipeline) (publish.Built, error) {
	options := s.options
	options.Root, options.Diff = root, false
	options.Charts = chart.NewStore(root, chart.WithCache(options.Cache))
	r, err := write(ctx, options)
	if err != nil {
		return publish.Built{}, err
	}
	for _, u := range r.Unfinished {
		err = errors.Join(err, errors.New(u.String()))
	}
	return built(r), err
}

// unpublished prints what kept a tree from being published, and returns the
// command's error.
func unpublished(s *session, err error) error {
	if findings, ok := errors.AsType[*publish.FindingsError](err); ok {
		return errors.Join(s.print(&report.Report{Command: "build", Findings: findings.Findings}), errNothingPublished)
	}
	return fmt.Errorf("%w: %w", errNothingPublished, err)
}
