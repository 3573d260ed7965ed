package manifest_test

import (
	"testing"

	"kasou/pipelines/manifest"
)

// Whatever stands on the way, the answer is that nothing does.
func TestAt(t *testing.T) {
	object := map[string]any{"a": map[string]any{"b": "c", "n": nil, "list": []any{"x", map[string]any{"k": "v"}, nil, []any{}}}, "s": "text"}
	for name, got := range map[string]any{
		"another key": manifest.At(object, "x"), "below a text": manifest.At(object, "s", "x"), "below null": manifest.At(object, "a", "n", "x"),
		"into a list": manifest.At(object, "a", "list", "0"), "of nothing": manifest.At(nil, "a"),
	} {
		if got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if manifest.Text(object, "a", "b") != "c" || manifest.Text(object, "a") != "" || manifest.Text(nil) != "" {
		t.Error("another text")
	}
	if all := manifest.Maps(object, "a", "list"); len(all) != 1 || all[0]["k"] != "v" || manifest.Maps(object, "a") != nil {
		t.Errorf("other mappings: %v", all)
	}
}
