package dagger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kasou/pipelines/toolchain"
)

// Each call has its own answer at its own place: a refusal, what the shared container
// says, or what one of its own does.
func TestCallsAreAnsweredInTheirPlaces(t *testing.T) {
	bad := errors.New("bad")
	var together [][]string
	calls := callable[string, string]{
		containers: &containers{opts: Options{Timeout: time.Minute}, built: map[string]bool{batchTool: true}, slots: make(chan struct{}, 1)},
		check: func(call string) error {
			if strings.HasPrefix(call, "refused") {
				return bad
			}
			return nil
		},
		span: func(call string) string { return call },
		shared: func(_ context.Context, calls []string) ([]*toolchain.Result[string], error) {
			together = append(together, calls)
			answers := make([]*toolchain.Result[string], len(calls))
			for i, call := range calls {
				switch call {
				case "shared":
					answers[i] = &toolchain.Result[string]{Value: "shared answer"}
				case "wrong":
					answers[i] = &toolchain.Result[string]{Err: fmt.Errorf("wrong: %w", bad)}
				}
			}
			return answers, nil
		},
		alone: func(_ context.Context, call string) (string, error) { return call + " alone", nil },
	}
	got := calls.each(t.Context(), []string{"refused 1", "shared", "left", "wrong", "refused 2", "other"})
	want := []string{"", "shared answer", "left alone", "", "", "other alone"}
	for i, r := range got {
		if r.Value != want[i] || (r.Err != nil) != (want[i] == "") || r.Err != nil && !errors.Is(r.Err, bad) {
			t.Errorf("call %d: %q, %v", i, r.Value, r.Err)
		}
	}
	if len(together) != 1 || !slices.Equal(together[0], []string{"shared", "left", "wrong", "other"}) {
		t.Errorf("together %q", together)
	}
	if got := calls.each(t.Context(), []string{"shared"}); got[0].Value != "shared alone" || len(together) != 1 {
		t.Errorf("a single call: %+v", got)
	}
	if got := calls.each(t.Context(), nil); len(got) != 0 {
		t.Errorf("no call: %+v", got)
	}
}
