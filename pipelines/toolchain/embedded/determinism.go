package embedded

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

func (o observed) any() bool { return len(o.Calls) > 0 || o.Varying }

// environments is how many of them the render is compared under.
func (o observed) environments() int {
	if o.Chance {
		return environments
	}
	return orders
}

// in renders the release in an environment. The error is not the templates', but
// what ended the worker.
func (s *turn) in(ctx context.Context, e environment) (outcome, error) {
	e.Apart = s.apart
	got, err := s.do(ctx, job{Release: s.release, Environment: e})
	if got.Wrong != nil && s.worker != nil {
		err = nil
	}
	return got, err
}

// unknown stands for a template that Helm does not name.
const unknown = "a template"

// differing returns the files that two renders do not share, sorted, or where one
// failed the template that did.
func differing(a, b outcome) []string {
	if a.Wrong != nil || b.Wrong != nil {
		if a.Wrong != nil && b.Wrong != nil && a.Wrong.Message == b.Wrong.Message {
			return nil
		}
		return []string{cmp.Or(cmp.Or(a.Wrong, b.Wrong).Template, unknown)}
	}
	names := map[string]bool{}
	for _, pair := range [][2]manifest.Files{{a.Files, b.Files}, {b.Files, a.Files}} {
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
	if first.Seen.Varying {
		s.apart = 1
	}
	var names []string
	b := &blame{turn: s}
	for n, all := 1, first.Seen.environments(); n <= all && b.other == 0; n++ {
		got, err := s.in(ctx, environment{Number: n})
		if err != nil {
			return err
		}
		if n == 1 {
			b.base = got
		}
		if len(names) == 0 {
			names = differing(first, got)
		}
		if len(differing(b.base, got)) > 0 {
			b.other = n
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := b.find(ctx); err != nil {
		return err
	}
	if len(b.causes) == 0 {
		does := address // which the others had alike by chance
		if len(b.base.Seen.Calls) > 0 {
			does = "differs from one render to the next"
		}
		b.files(names, does)
	}
	slices.SortFunc(b.causes, func(x, y toolchain.Cause) int {
		return cmp.Or(cmp.Compare(x.Template, y.Template), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Does, y.Does))
	})
	return &toolchain.DeterminismError{Causes: slices.Compact(b.causes)}
}

// address is the cause where nothing else was varied.
const address = "prints a memory address, or what depends on one"

// blame looks for the causes of a difference by varying one thing at a time.
type blame struct {
	*turn
	// base is the render in environment 1, other an environment whose render is
	// another; 0 where there is none.
	base  outcome
	other int
	// moving are the files that differ with nothing varied.
	moving []string
	causes []toolchain.Cause
}

// files adds what templates do of which no line is known.
func (b *blame) files(names []string, does string) {
	for _, name := range names {
		b.causes = append(b.causes, toolchain.Cause{Template: name, Does: does})
	}
}

func (b *blame) find(ctx context.Context) error {
	again, err := b.in(ctx, environment{Number: 1})
	if err != nil {
		return err
	}
	b.moving = differing(b.base, again)
	b.files(b.moving, address)
	if b.base.Seen.Varying {
		names, err := b.vary(ctx, 0)
		if err != nil {
			return err
		}
		b.files(names, "lists `.Capabilities.APIVersions`, which Helm does not sort")
	}
	calls := b.base.Seen.Calls
	guilty := map[int]string{} // call → a file that it changes
	for i := range calls {
		names, err := b.vary(ctx, i+1)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			guilty[i+1] = names[0]
		}
	}
	if len(guilty) == 0 && len(b.causes) == 0 && len(calls) < maxCalls {
		for i := range calls {
			guilty[i+1] = unknown // it takes several
		}
	}
	for call, file := range guilty {
		if err := b.locate(ctx, call, toolchain.Cause{Template: file, Does: "calls `" + calls[call-1] + "`"}); err != nil {
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
	got, err := b.in(ctx, environment{Number: 1, Other: b.other, Varied: call})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(differing(b.base, got), func(name string) bool { return slices.Contains(b.moving, name) }), nil
}

// locate adds a cause with the place that Helm names when the call fails.
func (b *blame) locate(ctx context.Context, call int, c toolchain.Cause) error {
	got, err := b.in(ctx, environment{Number: 1, Fails: call})
	if err != nil {
		return err
	}
	if wrong := got.Wrong; wrong != nil {
		c.Template, c.Line = cmp.Or(wrong.Template, c.Template), wrong.Line
		if last := strings.LastIndex(wrong.Message, templatePrefix); strings.HasPrefix(wrong.Message[max(last, 0):], templatePrefix+verdict.Evaluated) {
			c.Does += ", in text that it gives to `tpl`"
		}
	}
	b.causes = append(b.causes, c)
	return nil
}

// templatePrefix stands before each place that an error of text/template names.
const templatePrefix = "template: "
