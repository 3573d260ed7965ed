package fleet

import (
	"strings"
	"testing"
)

func TestImagesHaveADigest(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, good := range map[string]bool{
		"helm@" + digest: true,
		"registry.example.com:5000/a/helm@" + digest:      true,
		"registry.example.com/helm:3.22@" + digest:        true,
		"registry.example.com/helm:3.22":                  false,
		"helm@sha256:" + strings.Repeat("A", 64):          false,
		"helm@" + digest + "0":                            false,
		"https://user:password@a.example.com/h@" + digest: false,
		"@" + digest: false,
	} {
		p := checkImage(name)
		if (p == nil) != good || p != nil && p.rule != RuleImage {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestImagesOfTools(t *testing.T) {
	var none *Toolchain
	if images := none.Images(); len(images) != 0 {
		t.Errorf("none has %v", images)
	}
	images := (&Toolchain{Helm: &Tool{Image: "a"}, Kubeconform: &Tool{Image: "b"}}).Images()
	if len(images) != 2 || images["helm"] != "a" || images["kubeconform"] != "b" {
		t.Errorf("images %v", images)
	}
}
