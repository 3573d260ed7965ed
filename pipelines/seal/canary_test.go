package seal_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kasou/internal/sealtest"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// canaries stand where plaintext stands: a password, and a key in PEM.
var canaries = []string{
	"c4n4ry-pa55word-0123456789",
	"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAcanarycanarycanary0000000000\nMIIEowIBAAKCAQEAcanarycanarycanary1111111111\n-----END RSA PRIVATE KEY-----\n",
}

// noCanaryIn fails where a canary shows as it is, line by line, or in base64 or
// hex at any of the three offsets.
func noCanaryIn(t *testing.T, what, text string) {
	t.Helper()
	for _, canary := range canaries {
		for _, line := range strings.Split(strings.TrimSpace(canary), "\n") {
			if strings.HasPrefix(line, "-----") {
				continue
			}
			forms := []string{line, hex.EncodeToString([]byte(line))}
			for offset := range 3 {
				encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", offset) + line))
				forms = append(forms, encoded[4:len(encoded)-4])
			}
			for _, form := range forms {
				if strings.Contains(text, form) {
					t.Errorf("%s: plaintext shows: %s", what, text)
				}
			}
		}
	}
}

// brokenTool answers as a broken or hostile kubeseal might.
type brokenTool struct {
	output string
	err    error
}

func (b brokenTool) Seal(_ context.Context, requests ...toolchain.SealRequest) []toolchain.Result[[]byte] {
	results := make([]toolchain.Result[[]byte], len(requests))
	for i := range results {
		results[i] = toolchain.Result[[]byte]{Value: []byte(b.output), Err: b.err}
	}
	return results
}

func TestNoPlaintextInAnyMessage(t *testing.T) {
	good := options(t, sealtest.NewKeyPair(t))
	keyed := good
	keyed.Key = keyFrom(t, 1)
	bare := good
	bare.Certificate = nil
	with := func(tool toolchain.Kubeseal) seal.Options {
		o := good
		o.Tool = tool
		return o
	}
	every := map[string]seal.Options{
		"good": good, "keyed": keyed, "no certificate": bare,
		"no SealedSecret":  with(brokenTool{output: "kind: Secret\n"}),
		"no YAML":          with(brokenTool{output: "a: b: c"}),
		"another":          with(brokenTool{output: "kind: SealedSecret\nmetadata: {name: x}\n"}),
		"broken values":    with(brokenTool{output: "kind: SealedSecret\nspec: {encryptedData: [1]}\n"}),
		"tool that failed": with(brokenTool{err: errors.New("exit status 1")}),
	}
	for _, canary := range canaries {
		quoted, encoded := fmt.Sprintf("%q", canary), base64.StdEncoding.EncodeToString([]byte(canary))
		manifests := []string{
			secretYAML("stringData: {k: " + quoted + "}\n"),
			secretYAML("data: {k: " + encoded + "}\n# " + canary[:10] + "\n"),
			secretYAML("data: {k: '*" + encoded + "'}\n"),
			secretYAML("data: {k: " + quoted + "}\n"),
			secretYAML("stringData: {k: [" + quoted + "]}\n"),
			secretYAML("stringData: " + quoted + "\n"),
			secretYAML("stringData: {k: " + quoted + "}\nstringData: {k: x}\n"),
			secretYAML("stringData: {k: " + quoted + "}}\n"),
			secretYAML("type: [" + quoted + "]\n"),
			secretYAML("immutable: " + quoted + "\n"),
			secretYAML("stringData: {k: !!int " + quoted + "}\n"),
			secretYAML("stringData: {k: !!binary " + quoted + "}\n"),
			"kind: Secret\napiVersion: v1\nmetadata: " + quoted + "\n",
			"kind: Secret\napiVersion: " + quoted + "\n",
			secretYAML(quoted + ": x\n"),
			secretYAML("stringData: {? " + fmt.Sprintf("%q", " "+canary) + " : x}\n"),
			"kind: Secret\napiVersion: v1\nmetadata: {name: a, labels: {x: [" + quoted + "]}}\n",
			"kind: Secret\n? [" + quoted + "]\n: 1\n",
		}
		for option, o := range every {
			for i, text := range manifests {
				what := fmt.Sprintf("%s, manifest %d", option, i)
				files := manifest.Files{manifestFile: []byte(text)}
				for _, committed := range []string{"", text, "kind: SealedSecret\nspec: " + quoted + "\n", "a: b: " + quoted} {
					out, found, err := seal.New(o).Rendered(t.Context(), dev, manifest.ParseAll(manifest.Rendered, files), nil, func(string) []byte { return []byte(committed) })
					noCanaryIn(t, what, printed(found, err))
					noCanaryIn(t, what, string(out[manifestFile].Bytes))
				}
			}
			r := request(canary, nil)
			r.Scope = map[bool]string{true: "wide"}[option == "good"]
			r.Entropy = seal.Guessable
			result, found, err := seal.New(o).Secret(t.Context(), r)
			noCanaryIn(t, option, printed(found, err)+string(result.Document))
		}
	}
}

func printed(found finding.List, err error) string {
	return fmt.Sprintf("%+v %#v %v %#v", found, found, err, err)
}

// The canary test would be worth nothing if it did not see a canary.
func TestTheCanaryIsSeen(t *testing.T) {
	for offset := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + canaries[0] + "yz"))
		inner := &testing.T{}
		noCanaryIn(inner, "", text)
		if !inner.Failed() {
			t.Errorf("base64 at offset %d is not seen", offset)
		}
	}
}
