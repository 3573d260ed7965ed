package manifest_test

import (
	"testing"

	"kasou/pipelines/manifest"
)

func TestItems(t *testing.T) {
	pod := map[string]any{"kind": "Pod"}
	list := map[string]any{"kind": "List", "items": []any{map[string]any{"kind": "Pod"}, map[string]any{"kind": "PodList", "items": []any{map[string]any{"kind": "Pod"}}}, 1}}
	if got := manifest.Items(list); len(got) != 2 || got[0]["kind"] != "Pod" || got[1]["kind"] != "Pod" {
		t.Error(got)
	}
	if got := manifest.Items(pod); len(got) != 1 {
		t.Error(got)
	}
	config := map[string]any{"kind": "ConfigMap", "items": []any{}}
	if got := manifest.Items(config); len(got) != 1 {
		t.Error(got)
	}
	bare := map[string]any{"metadata": map[string]any{"name": "a"}}
	typed := map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSetList", "items": []any{bare}}
	if got := manifest.Items(typed); len(got) != 1 || got[0]["kind"] != "StatefulSet" || got[0]["apiVersion"] != "apps/v1" || bare["kind"] != nil {
		t.Error(got, bare)
	}
	if got := manifest.Items(nil); got != nil {
		t.Error(got)
	}
}
