package report

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"kasou/pipelines/finding"
)

// payloads would run, load or break out if any of them were not text.
var payloads = []string{
	`<script>window.hacked=1</script>`,
	`"><img src=x onerror="window.hacked=1">`,
	`</script><svg/onload=window.hacked=1>`,
	"`${window.hacked=1}`", `{{.Policy}}`, `javascript:window.hacked=1`, `' onfocus='window.hacked=1' autofocus='`,
	`</style><meta http-equiv="refresh" content="0;url=https://evil.example.com">`, `--><base href="https://evil.example.com">`,
}

func facts(version, server, expires string) *Facts {
	return &Facts{Chart: "vcluster", Version: version, Namespace: "n", ServiceCIDR: "10.96.0.0/16",
		Server: server, Application: "argocd/" + server, Registered: expires != "", Expires: expires}
}

// driftReport has each kind of row, and clusters whose sorted order differs by
// column.
func driftReport() *Report {
	r := &Report{
		Command: "drift", At: "2026-11-22T05:17:00Z",
		Clusters: []Cluster{
			{Name: "alpha", Status: Unchanged, Facts: facts("0.10.0", "https://c.example.com", "2027-09-01T00:00:00Z")},
			{Name: "beta", Status: Drifted, Facts: facts("0.9.0", "https://a.example.com", "2026-12-01T00:00:00Z"),
				Diff: "--- a/clusters/beta/values.yaml\n+++ b/clusters/beta/values.yaml\n@@ -1 +1 @@\n-replicas: 2\n+replicas: 1\n"},
			{Name: "gamma", Status: Unknown, Facts: facts("0.4.3", "https://b.example.com", "")},
		},
		Drift: []Row{
			{Finding: finding.Finding{Rule: "drift-tools", Severity: finding.Error, File: "clusters/fleet.lock.yaml",
				Message: "the files were built with helm v3.21.0, today v3.22.0", Hint: "Run kasou build."}, Kind: DriftUpstream, Repair: ByBuild},
			{Finding: finding.Finding{Cluster: "beta", Rule: "tree-hand-edit", Severity: finding.Error, File: "clusters/beta/values.yaml", Line: 1, Column: 11,
				Message: "edited since kasou wrote it", Hint: "Change spec.yaml instead."}, Kind: DriftTree, Repair: ByBuild, Since: "2026-11-20T08:00:00Z"},
			{Finding: finding.Finding{Cluster: "beta", Rule: "drift-credential-ends", Severity: finding.Error, File: "clusters/root/beta.cluster.yaml",
				Message: "Argo CD's credential for the cluster ends on 2026-12-01, in 8 days"}, Kind: DriftTrust, Object: "argocd/cluster-beta", Repair: ByRegister},
			{Finding: finding.Finding{Cluster: "gamma", Rule: "drift-unknown", Severity: finding.Warning, Message: "connection refused"},
				Kind: DriftUpstream, Repair: ByPerson, Unknown: true},
		},
		Unfinished: []Unfinished{{Cluster: "gamma", Message: "connection refused"}},
	}
	for _, row := range r.Drift[:3] {
		r.Findings = append(r.Findings, row.Finding)
	}
	return r
}

// hostileDrift has every payload in every field that text from outside can reach.
func hostileDrift() *Report {
	r := &Report{Command: "drift", At: payloads[0], FleetDiff: "+" + strings.Join(payloads, "\n-")}
	for _, p := range payloads {
		f := finding.Finding{File: p, Line: 1, Column: 1, Cluster: p, Rule: finding.Rule(p), Severity: finding.Error, Message: p, Hint: p}
		r.Drift = append(r.Drift, Row{Finding: f, Kind: DriftKind(p), Object: p, Since: p, Repair: Repair(p)})
		r.Findings = append(r.Findings, f, finding.Finding{Cluster: p, Message: p + " beside"})
		r.Unfinished = append(r.Unfinished, Unfinished{Cluster: p, Message: p})
		r.Clusters = append(r.Clusters, Cluster{Name: p, Status: Status(p), Diff: "+" + p, Steps: []Transition{{Effect: p, Message: p, Hint: p}}, Facts: &Facts{
			Chart: p, Version: p, Newest: p, Namespace: p, ServiceCIDR: p, Server: p, Application: p, Registered: true, Expires: p,
		}})
	}
	return r
}

// tab is a browser with one page open.
type tab struct {
	context.Context
	t        testing.TB
	mu       sync.Mutex
	problems []string
}

func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("NOT TESTED: the html report, because there is no chromium here (apt-get install chromium)")
	return ""
}

// show opens the report in a browser that must stay quiet: no error on the
// console, no request but for the page itself.
func show(t testing.TB, r *Report, before ...func(*tab)) *tab {
	t.Helper()
	browser := chromium(t)
	var page bytes.Buffer
	if err := Write(&page, r, Options{Format: "html", Version: "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "drift.html")
	if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 860), chromedp.WSURLReadTimeout(time.Minute))
	for _, name := range []string{"disable-quic", "disable-component-update", "disable-background-networking", "disable-sync"} {
		flags = append(flags, chromedp.Flag(name, true))
	}
	allocated, cancelAllocator := chromedp.NewExecAllocator(limited, flags...)
	t.Cleanup(cancelAllocator)
	ctx, cancelTab := chromedp.NewContext(allocated)
	t.Cleanup(cancelTab)
	shown := &tab{Context: ctx, t: t}
	if err := chromedp.Listen(ctx, func(event any) { shown.hear(event, file) }); err != nil {
		t.Fatal(err)
	}
	call(shown, network.Enable, network.EnableParams{})
	call(shown, cdplog.Enable, cdp.Empty{})
	for _, prepare := range before {
		prepare(shown)
	}
	shown.do(chromedp.Navigate("file://" + file))
	t.Cleanup(func() {
		shown.mu.Lock()
		defer shown.mu.Unlock()
		for _, problem := range shown.problems {
			t.Errorf("the browser: %s", problem)
		}
	})
	return shown
}

func (b *tab) hear(event any, file string) {
	problem := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		problem = "something was written to the console: " + e.Type.String()
	case *cdplog.EventEntryAdded:
		problem = e.Entry.Text
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; url != "file://"+file && !strings.HasPrefix(url, "file://"+file+"#") && url != "data:," {
			problem = "it asked for " + url
		}
	}
	if problem != "" {
		b.mu.Lock()
		b.problems = append(b.problems, problem)
		b.mu.Unlock()
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Context, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call runs a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.Context, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// eval returns the value of an expression of JavaScript.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.Context, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

func (b *tab) openAll() {
	b.t.Helper()
	eval[any](b, `document.querySelectorAll("details").forEach(d => d.open = true)`)
}

// prefer switches to light or dark.
func (b *tab) prefer(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

const visible = `Array.from(document.querySelectorAll("#fleet tbody tr")).filter(r => r.checkVisibility()).map(r => r.cells[0].innerText).join(" ")`

func (b *tab) wantRows(want string) {
	b.t.Helper()
	if got := eval[string](b, visible); got != want {
		b.t.Errorf("rows %q, want %q", got, want)
	}
}

func TestPageSortsAndFilters(t *testing.T) {
	b := show(t, driftReport())
	b.wantRows("alpha beta gamma")
	for _, step := range []struct {
		column      int
		want, order string
	}{
		{1, "alpha beta gamma", "ascending"},
		{1, "gamma beta alpha", "descending"},
		{3, "gamma beta alpha", "ascending"}, // 0.4.3, 0.9.0, 0.10.0
		{5, "beta gamma alpha", "ascending"},
		{7, "beta alpha gamma", "ascending"}, // what ends first, what is not registered
		{1, "alpha beta gamma", "ascending"},
		{8, "alpha gamma beta", "ascending"},
	} {
		b.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("th:nth-child(%d) button", step.column))))
		b.wantRows(step.want)
		if got := eval[string](b, `document.querySelector("#fleet th[aria-sort]").getAttribute("aria-sort")`); got != step.order {
			t.Errorf("column %d: aria-sort %s", step.column, got)
		}
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "A.example"))
	b.wantRows("beta")
	if got := eval[string](b, `document.getElementById("shown").innerText`); got != "1 of 3 shown" {
		t.Errorf("it says %q", got)
	}
	if eval[bool](b, `Array.from(document.querySelectorAll("section.card")).some(s => s.checkVisibility() && s.innerText.startsWith("gamma"))`) {
		t.Error("the part of a cluster that is filtered out is still shown")
	}
	for range "A.example" {
		b.do(chromedp.SendKeys(chromedp.CSS("#search"), kb.Backspace))
	}
	b.wantRows("alpha gamma beta")
	b.do(chromedp.SendKeys(chromedp.CSS("#status"), "unk"))
	b.wantRows("gamma")
}

// A fleet of 10,000 clusters can be sorted and filtered like one of three.
func TestPageOfALargeFleet(t *testing.T) {
	const clusters = 10_000
	r := driftReport()
	for i := range clusters {
		name := fmt.Sprintf("team-%05d", i)
		r.Clusters = append(r.Clusters, Cluster{Name: name, Status: Unchanged, Facts: facts("0.4.3", "https://"+name+".example.com", "2027-09-01T00:00:00Z")})
	}
	b := show(t, r)
	shown := func() string { return eval[string](b, `document.getElementById("shown").innerText`) }
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "team-0999"))
	if got := shown(); got != "10 of 10003 shown" {
		t.Errorf("it says %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS("th:nth-child(1) button")), chromedp.Click(chromedp.CSS("th:nth-child(1) button")))
	if got := eval[string](b, visible); !strings.HasPrefix(got, "team-09999 team-09998") {
		t.Errorf("sorted down: %.60s", got)
	}
}

// Clusters of which the same is to be said share a part, which is shown as long as one of
// them is.
func TestPageGroupsAlikeClusters(t *testing.T) {
	r := &Report{Command: "check"}
	for i := range 5 {
		name := fmt.Sprintf("team-%d", i)
		r.Clusters = append(r.Clusters, Cluster{Name: name, Status: Changed, Diff: "clusters/" + name + "/values.yaml\n- host: " + name + ".old\n! tls: another digest\n"})
		r.Findings = append(r.Findings, finding.Finding{File: "clusters/" + name + "/spec.yaml", Cluster: name, Rule: "tree-stale", Severity: finding.Error, Message: name + " is stale"})
	}
	r.Clusters = append(r.Clusters, Cluster{Name: "other", Status: Changed, Diff: "clusters/other/values.yaml\n- host: team-0.old\n"})
	b := show(t, r)
	b.openAll()
	if n := eval[int](b, `document.querySelectorAll("section.card").length`); n != 2 {
		t.Errorf("%d parts", n)
	}
	text := eval[string](b, `document.querySelector("section.card").innerText`)
	for _, want := range []string{"5 clusters (team-0, team-1, team-2 and 2 more)", "NAME is stale", "- host: NAME.old", "! tls: another digest", "team-4"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	shown := `Array.from(document.querySelectorAll("section.card")).filter(s => s.checkVisibility()).length`
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "team-4"))
	if eval[int](b, shown) != 1 || !eval[bool](b, `document.querySelector("section.card").checkVisibility()`) {
		t.Error("the part of a cluster that is searched is not the one that is shown")
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "x"))
	if eval[int](b, shown) != 0 {
		t.Error("parts of no cluster are shown")
	}
	if got := eval[string](b, `Array.from(document.querySelectorAll("#status option")).map(o => o.innerText).join()`); got != "all,stale" {
		t.Errorf("the states are %s", got)
	}
	for range "team-4x" {
		b.do(chromedp.SendKeys(chromedp.CSS("#search"), kb.Backspace))
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#status"), "sta"))
	b.wantRows("team-0 team-1 team-2 team-3 team-4 other")
}

func TestPageShowsEverything(t *testing.T) {
	b := show(t, driftReport())
	b.openAll()
	text := eval[string](b, `document.body.innerText`)
	for _, want := range []string{
		"1 of 3 clusters not as they should be", "2026-11-22T05:17:00Z", "10.96.0.0/16", "https://a.example.com", "not registered", "2027-09-01",
		"helm v3.21.0, today v3.22.0", "clusters/beta/values.yaml:1:11", "since 2026-11-20T08:00:00Z", "kasou build beta repairs it",
		"kasou register beta", "object argocd/cluster-beta", "upstream, unknown connection refused", "-replicas: 2", "+replicas: 1", "kasou v1.2.3",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "connection refused"); n != 1 {
		t.Errorf("what is unknown stands there %d times", n)
	}
	widths := eval[[]float64](b, `Array.from(document.querySelectorAll(".bar .left")).map(r => r.getBoundingClientRect().width / r.parentNode.getBoundingClientRect().width)`)
	if len(widths) != 2 || widths[0] < 0.7 || widths[0] > 0.85 || widths[1] > 0.05 {
		t.Errorf("the bars are filled to %v", widths)
	}
}

func TestPageNeedsNoJavaScript(t *testing.T) {
	b := show(t, driftReport(), func(b *tab) {
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	b.wantRows("alpha beta gamma")
	if eval[bool](b, `document.getElementById("controls").checkVisibility() || document.querySelector("th button") !== null`) {
		t.Error("there are controls that do nothing")
	}
	b.do(chromedp.Click(chromedp.CSS("summary")))
	if !eval[bool](b, `document.querySelector("pre").checkVisibility()`) {
		t.Error("the difference cannot be opened")
	}
}

// A page of a change begins with what it does to the clusters, like ones together.
func TestPageOfAPlan(t *testing.T) {
	var page bytes.Buffer
	if err := Write(&page, planReport(), Options{Format: "html"}); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"<h2>What it does</h2>", "2 clusters (a, b)", "refused-by-vcluster", "the chart jumps", "Go to 0.25 first.", "restart (accepted)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
	if strings.Contains(text, "3 clusters") || strings.Index(text, "What it does") > strings.Index(text, "The fleet</h2>") {
		t.Error("clusters to which nothing happens are no group, and the plan comes first")
	}
	page.Reset()
	if err := Write(&page, driftReport(), Options{Format: "html"}); err != nil || strings.Contains(page.String(), "What it does") {
		t.Errorf("%v: a report without steps has a plan", err)
	}
}

// Text from a spec, a chart or a server can neither run nor become markup.
func TestPageRunsNoText(t *testing.T) {
	b := show(t, hostileDrift())
	b.do(chromedp.Click(chromedp.CSS("summary")), chromedp.SendKeys(chromedp.CSS("#search"), "hacked"), chromedp.Sleep(200*time.Millisecond))
	if eval[bool](b, `"hacked" in window`) {
		t.Error("a payload ran")
	}
	for expression, want := range map[string]float64{
		`document.scripts.length`:                               1,
		`document.querySelectorAll("img, base, iframe").length`: 0,
		`document.querySelectorAll("style").length`:             1,
		`document.querySelectorAll("meta[http-equiv]").length`:  1,
		`document.querySelectorAll("#fleet tbody tr").length`:   float64(len(payloads)),
		`Array.from(document.querySelectorAll("*")).filter(e => e.getAttributeNames().some(n => n.startsWith("on") || n === "style")).length`: 0,
		`Array.from(document.links).filter(a => !a.getAttribute("href").startsWith("#part-")).length`:                                         0,
	} {
		if got := eval[float64](b, expression); got != want {
			t.Errorf("%s is %v, want %v", expression, got, want)
		}
	}
	text := eval[string](b, `document.body.textContent`)
	for _, p := range payloads {
		if !strings.Contains(text, p) {
			t.Errorf("not shown as it is: %s", p)
		}
	}
	if got := eval[string](b, `try { document.body.append(Object.assign(document.createElement("script"), {textContent: "window.late=1"})); String("late" in window) } catch (e) { String(e) }`); got != "false" {
		t.Errorf("the policy let another script run: %s", got)
	}
	b.mu.Lock()
	b.problems = slices.DeleteFunc(b.problems, func(p string) bool { return strings.Contains(p, "Content Security Policy") })
	b.mu.Unlock()
}

// contrasts finds each text whose contrast with what is behind it is below
// what WCAG 2.1 AA asks for.
const contrasts = `(() => {
  const parse = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const low = []; let seen = 0;
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || !Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05); seen++;
    if (ratio < 4.5) low.push(e.tagName + "." + e.className + " " + ratio.toFixed(2));
  }
  return seen < 30 ? ["only " + seen + " texts were looked at"] : low;
})()`

func TestPageIsAccessible(t *testing.T) {
	b := show(t, driftReport())
	b.openAll()
	for _, scheme := range []string{"light", "dark"} {
		b.prefer(scheme)
		if low := eval[[]string](b, contrasts); len(low) > 0 {
			t.Errorf("%s: too little contrast: %v", scheme, low)
		}
	}
	if dark := eval[string](b, `getComputedStyle(document.body).backgroundColor`); dark != "rgb(20, 23, 28)" {
		t.Errorf("in the dark the page is %s", dark)
	}
	for expression, want := range map[string]string{
		`document.documentElement.lang`: "en",
		`document.title`:                "kasou drift: 1 of 3 clusters not as they should be",
		`Array.from(document.querySelectorAll("h1,h2,h3")).map(h => h.tagName).join("").replace(/(H3)+/g, "H3")`:          "H1H2H2H3",
		`(ids => String(ids.length === new Set(ids).size))(Array.from(document.querySelectorAll("[id]")).map(e => e.id))`: "true",
		`String(Array.from(document.links).every(a => document.getElementById(a.hash.slice(1))))`:                         "true",
	} {
		if got := eval[string](b, expression); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	roles := map[string]int{}
	for _, node := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		role, name := axText(node.Role), strings.TrimSpace(axText(node.Name))
		if node.Ignored {
			continue
		}
		roles[role]++
		if name == "" && slices.Contains(named, role) {
			t.Errorf("a %s has no name", role)
		}
	}
	for role, want := range map[string]int{
		"columnheader": 8, "rowheader": 3, "table": 1, "searchbox": 1, "combobox": 1, "button": 8, "main": 1, "banner": 1, "search": 1, "image": 2,
	} {
		if roles[role] != want {
			t.Errorf("%d of role %s, want %d; there are %v", roles[role], role, want, roles)
		}
	}
}

// named are the roles that say nothing without a name.
var named = []string{"button", "link", "searchbox", "textbox", "combobox", "image", "table", "region", "columnheader", "rowheader", "heading", "DisclosureTriangle"}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}

// What differs in more than the clusters' names is not said once for several, but for
// the time since when.
func TestPageGroupsOnlyWhatIsAlike(t *testing.T) {
	row := func(cluster, since, hint string, repair Repair) Row {
		return Row{Finding: finding.Finding{Cluster: cluster, Severity: finding.Error, Message: "off", Rule: "tree-stale", Hint: hint}, Since: since, Repair: repair}
	}
	r := &Report{
		Command: "drift", Clusters: []Cluster{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}},
		Drift: []Row{row("a", "2026-01-02", "Look.", ByBuild), row("b", "2026-01-03", "Look.", ByBuild), row("c", "", "Wait.", ByBuild), row("d", "", "Look.", ByLock), row("e", "", "Wait.", ByBuild)},
	}
	var got []string
	for _, part := range pageOf(r, Options{}).Parts {
		got = append(got, part.Title+" "+part.Rows[0].Since+part.Rows[0].Hint+part.Rows[0].Command())
	}
	want := []string{"2 clusters (a, b) Look.kasou build NAME", "2 clusters (c, e) Wait.kasou build NAME", "d Look.kasou lock d"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
