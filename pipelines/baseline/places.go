package baseline

import (
	"context"
	"os"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/transition"
)

// places finds where what people wrote differs from what the commit has.
type places struct {
	before history.Files
	now    *os.Root
	// fleet is fleet.yaml, from the root, and shared has where a part of it differs first, by
	// the part's keys.
	fleet  string
	mu     sync.Mutex
	shared map[string][]string
}

// cause returns where the spec differs first from the committed one, or its class or the
// fleet's defaults, which stand at the same path; the whole spec where neither does, as where the
// chart's content has changed.
func (p *places) cause(ctx context.Context, c fleet.Cluster) ([]string, error) {
	at, err := p.first(ctx, c.File, "spec")
	for _, keys := range c.Inherits() {
		if err != nil || len(at) > 0 {
			break
		}
		at, err = p.ofFleet(ctx, keys)
	}
	return append([]string{"spec"}, at...), err
}

// ofFleet is first of a part of fleet.yaml, which many clusters ask for.
func (p *places) ofFleet(ctx context.Context, keys []string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	part := strings.Join(keys, ".")
	if at, known := p.shared[part]; known {
		return at, nil
	}
	at, err := p.first(ctx, p.fleet, keys...)
	if err == nil {
		p.shared[part] = at
	}
	return at, err
}

// first returns where what a file has below the keys differs first from what the
// commit has; nothing where it does not, and where one of the two does not parse.
func (p *places) first(ctx context.Context, file string, keys ...string) ([]string, error) {
	old, err := p.before.File(ctx, file)
	if err != nil {
		return nil, err
	}
	now, err := p.now.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var before, after any
	if yaml.Unmarshal(old, &before) != nil || yaml.Unmarshal(now, &after) != nil {
		return nil, nil
	}
	for _, key := range keys {
		left, _ := before.(map[string]any)
		right, _ := after.(map[string]any)
		before, after = left[key], right[key]
	}
	return transition.FirstDifference(before, after), nil
}
