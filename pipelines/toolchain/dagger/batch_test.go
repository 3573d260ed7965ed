package dagger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "dagger.io/dagger"
	"github.com/google/go-cmp/cmp"

	"kasou/internal/charttest"
	"kasou/internal/sealtest"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// own connects a session whose log the test reads.
func own(t *testing.T, o Options) (*Toolchain, *lockedBuffer) {
	t.Helper()
	needEngine(t)
	log := &lockedBuffer{}
	o.Cache, o.Log = toolCache(t), log
	d, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, log
}

const endlessTemplate = `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`

// A chart that fails, one that does not end and some that mean no good fail
// alone, with what they would have been told in a container of their own.
// However slow the machine is: an endless template fails, and whoever shares its batch
// does not for that reason.
func TestInABatchTheEndlessOneFails(t *testing.T) {
	const limit = 2 * time.Minute
	d, _ := own(t, Options{Timeout: limit})
	salt := "salt: " + rand.Text() + "\n"
	got := d.Template(t.Context(),
		release(charttest.Pack(t, map[string]string{"templates/a.yaml": endlessTemplate}), salt),
		release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ .Values.salt }}")}), salt),
	)
	says := "did not end within " + limit.String()
	if !strings.Contains(message(got[0].Err), says) {
		t.Errorf("endless: %v", got[0].Err)
	}
	if err := got[1].Err; err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("its neighbour: %v", err)
	}
}

func TestInABatchOnlyTheGuiltyFail(t *testing.T) {
	d, log := own(t, Options{Timeout: time.Hour})
	salt := "salt: " + rand.Text() + "\n"
	good := func(name string) toolchain.Release {
		r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ .Release.Name }} {{ .Values.salt }}"),
			"templates/b.yaml": "{{ if eq .Release.Name \"good-b\" }}" + configMap("b", "x: y") + "{{ end }}"}), salt)
		r.Name = name
		return r
	}
	bad := func(template, values string) toolchain.Release {
		return release(charttest.Pack(t, map[string]string{"templates/a.yaml": template}), salt+values)
	}
	releases := []toolchain.Release{
		good("good-a"),
		bad("a: b\nx: {{ fail \"no\" }}\n", ""),
		good("good-b"),
		bad("x: {{ tpl .Values.loop . }}", "loop: '{{ tpl .Values.loop . }}'\n"),
		bad("x: {{ repeat 70000000 \"y\" }}", ""),
		bad("a: b", "a: [\n"),
		good("good-c"),
	}
	got := d.Template(t.Context(), releases...)
	for i, says := range []string{"", "no", "", "recurse without end", "more than", "values.yaml", ""} {
		var fault *toolchain.ChartError
		switch {
		case says == "" && got[i].Err != nil:
			t.Errorf("%s: %v", releases[i].Name, got[i].Err)
		case says != "" && (!errors.As(got[i].Err, &fault) || !strings.Contains(fault.Message, says)):
			t.Errorf("release %d: error %v does not say %q", i, got[i].Err, says)
		}
		// Alone, it is the same to the letter.
		files, err := d.Template(t.Context(), releases[i])[0].Get()
		if diff := cmp.Diff(files, got[i].Value); diff != "" || message(err) != message(got[i].Err) {
			t.Errorf("release %d: alone, error %v; together, %v; files (-alone +together):\n%s", i, err, got[i].Err, diff)
		}
	}
	if text := string(got[2].Value["c/templates/b.yaml"]); !strings.Contains(text, "name: b") {
		t.Errorf("good-b has %q", text)
	}
	if n := strings.Count(log.String(), "/batch /bin/helm"); n == 0 {
		t.Errorf("nothing was rendered together:\n%s", log.String())
	}
}

// In a batch helm passes by the schema. What does not agree with it has no answer
// from there, and then one from helm, which says why.
func TestABatchAnswersOnlyForValuesThatAgree(t *testing.T) {
	d, _ := own(t, Options{})
	ch := charttest.Pack(t, map[string]string{
		"values.schema.json": `{"properties":{"count":{"type":"integer"}}}`,
		"templates/a.yaml":   configMap("a", "x: {{ .Values.count }} "+rand.Text()),
	})
	releases := []toolchain.Release{release(ch, "count: 1\n"), release(ch, "count: one\n"), release(ch, "count: 2\n")}
	answers, err := helm{&d.containers, d.checker}.templates(t.Context(), releases)
	if err != nil {
		t.Fatal(err)
	}
	for i, answer := range answers {
		if agrees := i != 1; (answer != nil) != agrees {
			t.Errorf("release %d: answer %v", i, answer)
		}
	}
	got := d.Template(t.Context(), releases...)
	fault, ok := errors.AsType[*toolchain.ChartError](got[1].Err)
	if !ok || len(fault.Values) != 1 || got[0].Err != nil || got[2].Err != nil {
		t.Errorf("%+v", got)
	}
	// Nobody holds the values against the schema but helm.
	d.built["helm"] = false
	answers, err = helm{&d.containers, d.checker}.templates(t.Context(), releases)
	if err != nil {
		t.Fatal(err)
	}
	if answers[1] == nil || !errors.As(helm{&d.containers, d.checker}.helmError(releases[1], answers[1].Err), &fault) || len(fault.Values) != 1 {
		t.Errorf("helm looks at no schema at all: %v", answers[1])
	}
}

// message is what a person is told of a chart's fault.
func message(err error) string {
	if fault, ok := errors.AsType[*toolchain.ChartError](err); ok {
		return fault.Message
	}
	return fmt.Sprint(err)
}

// dying returns a toolchain whose batches end as a container does that takes too
// much memory, where a release of the name is among them.
func dying(t *testing.T, guilty string) *Toolchain {
	t.Helper()
	d, _ := own(t, Options{})
	program := filepath.Join(t.TempDir(), "dying")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.guilty="+guilty, "-o", program, "./testdata/dying")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := d.engine.Host().File(program).Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.files.entries.Store(batchTool, &entry[*sdk.File]{made: true, value: file})
	return d
}

func TestWhereTheContainerDiesEachHasItsOwn(t *testing.T) {
	guilty := "guilty-" + strings.ToLower(rand.Text())
	d := dying(t, guilty)
	var releases []toolchain.Release
	for _, name := range []string{"a", guilty, "c"} {
		r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ .Release.Name }}")}), "")
		r.Name = name
		releases = append(releases, r)
	}
	for i, got := range d.Template(t.Context(), releases...) {
		if got.Err != nil || !strings.Contains(string(got.Value["c/templates/a.yaml"]), "x: "+releases[i].Name) {
			t.Errorf("%s: %v %q", releases[i].Name, got.Err, got.Value)
		}
	}
	pair := sealtest.NewKeyPair(t)
	var requests []toolchain.SealRequest
	for i := range 2 {
		secret := fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: b}\nstringData: {k: v%d}\n", guilty, i)
		requests = append(requests, toolchain.SealRequest{Secret: []byte(secret), Certificate: pair.Certificate, Scope: "strict"})
	}
	for i, sealed := range d.Seal(t.Context(), requests...) {
		if sealed.Err != nil {
			t.Error(sealed.Err)
		} else if got := pair.Unseal(t, sealed.Value).Data["k"]; string(got) != fmt.Sprintf("v%d", i) {
			t.Errorf("unsealed %q", got)
		}
	}
}

// A chart that gives something else each time gives the same where the engine
// remembers the batch.
func TestTheEngineRemembersABatch(t *testing.T) {
	chart := charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ randAlphaNum 20 }}")})
	salt := rand.Text()
	members := func(count int) []toolchain.Release {
		releases := make([]toolchain.Release, count)
		for i := range releases {
			releases[i] = release(chart, fmt.Sprintf("salt: %s\nof: %d\n", salt, i))
		}
		return releases
	}
	said := func(releases []toolchain.Release) string {
		d, _ := own(t, Options{})
		var all []string
		for _, got := range d.Template(t.Context(), releases...) {
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			all = append(all, string(got.Value["c/templates/a.yaml"]))
		}
		return strings.Join(all, "\n")
	}
	first := said(members(5))
	if again := said(members(5)); again != first {
		t.Errorf("the same batch was rendered anew:\n%s\nand\n%s", first, again)
	}
	if other := said(members(4)); strings.HasPrefix(first, other) {
		t.Error("another batch was not rendered")
	}
}

func TestACancelledBatchIsNoFinding(t *testing.T) {
	d, _ := own(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(2*time.Second, cancel)
	endless := release(charttest.Pack(t, map[string]string{"templates/a.yaml": endlessTemplate}), "salt: "+rand.Text()+"\n")
	for _, got := range d.Template(ctx, endless, endless, endless) {
		if !errors.Is(got.Err, context.Canceled) {
			t.Errorf("error %v", got.Err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestDocumentsOfABatchAreJudgedAlone(t *testing.T) {
	e, d := both(t)
	schemas := thingSchemas(t)
	a := func(file, text string) manifest.Document {
		return manifest.NewDocument(manifest.Other, file, 1, []byte(text))
	}
	of := []toolchain.Manifests{
		{Documents: []manifest.Document{a("a.yaml", configMap("a", "x: y")), a("b.yaml", configMap("b", "x: 1"))}},
		{Documents: []manifest.Document{a("a.yaml", "kind: A\na: [\n")}},
		{Documents: []manifest.Document{a("a.yaml", "apiVersion: a/v1\nkind: Unknown\nmetadata: {name: a}\n")}},
	}
	want := e.Validate(t.Context(), schemas, of...)
	for i, got := range d.Validate(t.Context(), schemas, of...) {
		if diff := cmp.Diff(want[i].Value, got.Value); diff != "" || got.Err != nil || want[i].Err != nil {
			t.Errorf("list %d: %v, %v (-embedded +dagger):\n%s", i, want[i].Err, got.Err, diff)
		}
	}
}

func TestNoPlaintextLeavesABatch(t *testing.T) {
	d, log := own(t, Options{})
	pair := sealtest.NewKeyPair(t)
	past := time.Now().AddDate(-1, 0, 0)
	expired := sealtest.Certify(t, pair.Private, &pair.Private.PublicKey, past, past.AddDate(0, 1, 0))
	password := "c4n4ry-" + rand.Text()
	var requests []toolchain.SealRequest
	for i := range 6 {
		certificate := pair.Certificate
		if i >= 4 { // what kubeseal says of these must not get out either
			certificate = expired
		}
		secret := fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: canary-%d, namespace: b}\ndata: {p: %s}\n", i, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", password, i)))
		requests = append(requests, toolchain.SealRequest{Secret: []byte(secret), Certificate: certificate, Scope: "strict"})
	}
	var given [][]byte
	for i, sealed := range d.Seal(t.Context(), requests...) {
		if i >= 4 {
			given = append(given, fmt.Append(nil, sealed.Err))
			continue
		}
		if sealed.Err != nil {
			t.Error(sealed.Err)
			continue
		}
		if got := string(pair.Unseal(t, sealed.Value).Data["p"]); got != fmt.Sprintf("%s %d", password, i) {
			t.Errorf("request %d: unsealed %q", i, got)
		}
		given = append(given, sealed.Value)
	}
	search := func(where string, text []byte) {
		for _, form := range forms(password) {
			if bytes.Contains(text, form) {
				t.Errorf("plaintext in %s", where)
			}
		}
	}
	searchTree(t, d.dir, search)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range given {
		search("what came back", text)
	}
	search("the session's output", []byte(log.String()))
	if state := os.Getenv(stateEnv); state != "" {
		searchTree(t, state, search)
	}
}

func TestABatchInAnImage(t *testing.T) {
	for name, with := range map[string]func(*sdk.Container) *sdk.Container{
		"with an entrypoint": func(c *sdk.Container) *sdk.Container {
			return c.WithEntrypoint([]string{"/bin/helm"}).WithUser("65532")
		},
		"without one": func(c *sdk.Container) *sdk.Container { return c.WithWorkdir("/elsewhere") },
	} {
		t.Run(name, func(t *testing.T) {
			d, log := own(t, Options{})
			helm, err := d.base(t.Context(), "helm")
			if err != nil {
				t.Fatal(err)
			}
			b, err := inImage(t.Context(), "helm", with(helm.Container))
			if err != nil {
				t.Fatal(err)
			}
			d.bases.entries.Store("helm", &entry[*base]{made: true, value: b})
			r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ .Values.salt }}")}), "salt: "+rand.Text()+"\n")
			for _, got := range d.Template(t.Context(), r, r) {
				if got.Err != nil || len(got.Value) != 1 {
					t.Errorf("%v %q", got.Err, got.Value)
				}
			}
			if n := strings.Count(log.String(), "--output-dir"); n > 0 {
				t.Error("each had a container of its own")
			}
		})
	}
}
