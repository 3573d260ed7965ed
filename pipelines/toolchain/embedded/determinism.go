package embedded

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

// maxVaried is how many calls are varied one by one to see which are the cause.
const maxVaried = 32

// outcome is what came of a render: files, or in an environment what the chart's
// templates did wrong there.
type outcome struct {
	files tree.Files
	wrong *toolchain.ChartError
	seen  observed
}

func (o observed) any() bool { return len(o.calls) > 0 || o.varying }

// environments is how many of them the render is compared under.
func (o observed) environments() int {
	if o.chance {
		return environments
	}
	return orders
}

// in renders the release in an environment. The error is not the templates'.
func (s *turn) in(ctx context.Context, e environment) (outcome, error) {
	got, err := s.do(ctx, job{release: s.release, environment: e})
	if errors.As(err, &got.wrong) && got.wrong.Template != "" {
		err = nil
	}
	return got, err
}

// differing returns the files that two renders do not share, sorted, or where one
// failed the template that did.
func differing(a, b outcome) []string {
	if a.wrong != nil || b.wrong != nil {
		if a.wrong != nil && b.wrong != nil && a.wrong.Message == b.wrong.Message {
			return nil
		}
		return []string{cmp.Or(a.wrong, b.wrong).Template}
	}
	names := map[string]bool{}
	for _, pair := range [][2]tree.Files{{a.files, b.files}, {b.files, a.files}} {
		for name, data := range pair[0] {
			if other, ok := pair[1][name]; !ok || !bytes.Equal(data, other) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// compare renders the release under other clocks and seeds, and returns a
// *toolchain.DeterminismError where one result is another than the first, which was
// made under the real ones.
func (s *turn) compare(ctx context.Context, first outcome) error {
	all := first.seen.environments()
	var base outcome
	for n := 1; n <= all; n++ {
		got, err := s.in(ctx, environment{number: n})
		if err != nil {
			return err
		}
		if n == 1 {
			base = got
		}
		if names := differing(first, got); len(names) > 0 {
			return s.explain(ctx, base, n, all, names)
		}
	}
	return nil
}

// explain returns what makes the release differ. base is the render in environment
// 1; the one in environment n was the first that differs, in the files named.
func (s *turn) explain(ctx context.Context, base outcome, n, all int, names []string) error {
	other, err := s.other(ctx, base, n, all)
	if err != nil {
		return err
	}
	b := &blame{turn: s, base: base, other: other}
	if err := b.all(ctx); err != nil {
		return err
	}
	if len(b.causes) == 0 {
		b.files(names, address) // which others had by chance
	}
	slices.SortFunc(b.causes, func(x, y toolchain.Cause) int {
		return cmp.Or(cmp.Compare(x.Template, y.Template), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Does, y.Does))
	})
	return &toolchain.DeterminismError{Causes: b.causes}
}

// other returns an environment whose render is another than that of environment 1;
// 0 where there is none.
func (s *turn) other(ctx context.Context, base outcome, n, all int) (int, error) {
	if n > 1 {
		return n, nil // base is as the first render was
	}
	for n := 2; n <= all; n++ {
		got, err := s.in(ctx, environment{number: n})
		if err != nil {
			return 0, err
		}
		if len(differing(base, got)) > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// blame looks for the causes of a difference by varying one thing at a time.
type blame struct {
	*turn
	base outcome
	// other is the environment of what is varied.
	other int
	// moving are the files that differ with nothing varied.
	moving []string
	causes []toolchain.Cause
}

func (b *blame) add(c toolchain.Cause) {
	if !slices.Contains(b.causes, c) {
		b.causes = append(b.causes, c)
	}
}

// files adds what templates do of which no more is known.
func (b *blame) files(names []string, does string) {
	for _, name := range names {
		b.add(toolchain.Cause{Template: name, Does: does})
	}
}

// address is the cause where nothing else was varied.
const address = "prints a memory address, or what depends on one"

func (b *blame) all(ctx context.Context) error {
	again, err := b.in(ctx, environment{number: 1})
	if err != nil {
		return err
	}
	b.moving = differing(b.base, again)
	b.files(b.moving, address)
	if b.base.seen.varying {
		names, err := b.vary(ctx, 0)
		if err != nil {
			return err
		}
		b.files(names, "lists `.Capabilities.APIVersions`, which Helm does not sort")
	}
	if err := b.calls(ctx, func(call int) (bool, error) {
		names, err := b.vary(ctx, call)
		return len(names) > 0, err
	}); err != nil || len(b.causes) > 0 {
		return err
	}
	// None alone: it takes several.
	return b.calls(ctx, func(int) (bool, error) { return true, nil })
}

// calls adds the calls that are guilty.
func (b *blame) calls(ctx context.Context, guilty func(call int) (bool, error)) error {
	for i, name := range b.base.seen.calls[:min(len(b.base.seen.calls), maxVaried)] {
		is, err := guilty(i + 1)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		if err := b.locate(ctx, i+1, name); err != nil {
			return err
		}
	}
	return nil
}

// vary returns the files that differ with one call in the other environment.
func (b *blame) vary(ctx context.Context, call int) ([]string, error) {
	if b.other == 0 {
		return nil, nil
	}
	got, err := b.in(ctx, environment{number: 1, other: b.other, varied: call})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(differing(b.base, got), func(name string) bool { return slices.Contains(b.moving, name) }), nil
}

// locate adds a call with the place that Helm names when it fails.
func (b *blame) locate(ctx context.Context, call int, name string) error {
	got, err := b.in(ctx, environment{number: 1, fails: call})
	if err != nil {
		return err
	}
	c := toolchain.Cause{Template: "a template", Does: "calls `" + name + "`"}
	if got.wrong != nil {
		c.Template, c.Line = got.wrong.Template, got.wrong.Line
		if strings.Contains(got.wrong.Message, "error calling tpl: ") {
			c.Does += ", in text that it gives to `tpl`"
		}
	}
	b.add(c)
	return nil
}
