package tree

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func changes(list ...Change) Plan {
	var p Plan
	for _, c := range list {
		p.add(c)
	}
	return p
}

func large(replicas, tail string) []byte {
	var b strings.Builder
	b.WriteString("spec:\n  replicas: " + replicas + "\n  template:\n    list:\n")
	for range 12 {
		b.WriteString("    - name: item\n")
	}
	b.WriteString("    tail: " + tail + "\n")
	return []byte(b.String())
}

func TestWriteDiff(t *testing.T) {
	for name, test := range map[string]struct {
		plan    Plan
		options DiffOptions
	}{
		"created and deleted": {plan: changes(
			Change{Path: "clusters/dev/a.yaml", New: []byte("a: 1\n")},
			Change{Path: "clusters/dev/b.yaml", Old: []byte("b: 1\n")},
			Change{Path: "clusters/dev/empty.yaml", New: []byte{}},
		)},
		"two hunks":        {plan: changes(Change{Path: "a.yaml", Old: large("1", "x"), New: large("2", "y")})},
		"no newline":       {plan: changes(Change{Path: "a.txt", Old: []byte("a\nb"), New: []byte("a\nb\n")})},
		"color":            {plan: changes(Change{Path: "a.yaml", Old: large("1", "x"), New: large("2", "y")}), options: DiffOptions{Color: true}},
		"semantic":         {plan: changes(Change{Path: "a.yaml", Old: large("1", `"1"`), New: large("2", "1")}), options: DiffOptions{Semantic: true}},
		"semantic, color":  {plan: changes(Change{Path: "a.yaml", Old: large("1", "x"), New: large("2", "x")}), options: DiffOptions{Semantic: true, Color: true}},
		"only order":       {plan: changes(Change{Path: "a.yaml", Old: []byte("a: 1\nb: 2\n"), New: []byte("b: 2\na: 1\n")}), options: DiffOptions{Semantic: true}},
		"not shorter":      {plan: changes(Change{Path: "a.yaml", Old: []byte("a: 1\n"), New: []byte("b: 1\nc: 2\nd: 3\ne: 4\n")}), options: DiffOptions{Semantic: true}},
		"text of lines":    {plan: changes(Change{Path: "a.yaml", Old: []byte("a: |\n  x\n  y\n"), New: []byte("a: |\n  x\n  z\n")}), options: DiffOptions{Semantic: true}},
		"second document":  {plan: changes(Change{Path: "a.yaml", Old: append(large("1", "x"), "---\nk.e y: [{a: 1}]\n"...), New: append(large("1", "x"), "---\nk.e y: [{a: 2}]\n"...)}), options: DiffOptions{Semantic: true}},
		"control, visible": {plan: hostileChange(), options: DiffOptions{Visible: true}},
		"control, color":   {plan: hostileChange(), options: DiffOptions{Color: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteDiff(&b, test.plan, test.options); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".diff", b.Bytes())
		})
	}
}

func hostileChange() Plan {
	return changes(Change{
		Path: "a\x1b[2J\n+++ b/forged.yaml",
		Old:  []byte("title: \x1b]0;owned\x07\n"),
		New:  []byte("bidi: \u202etxt\nbytes: \xff\xfe\r\ntab:\tü\u200b\u0085\n"),
	})
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", file, diff)
	}
}

// The plain diff is what git apply reads: applied, it makes the wanted tree.
func TestPlainDiffApplies(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("NOT TESTED, that git applies the diff: no git here")
	}
	root := repo(t, nil)
	mustBuild(t, root, generation("a"))
	plan := mustCompare(t, root, generation("b"))
	var b bytes.Buffer
	if err := WriteDiff(&b, plan, DiffOptions{}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(git, "apply", "-")
	cmd.Dir, cmd.Stdin = root, &b
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := mustCompare(t, root, generation("b")); !left.Empty() {
		t.Errorf("still differs: %v", causes(left))
	}
}

// Aliases that unfold to billions of values must not be unfolded.
func TestSemanticIsBounded(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		alias := "*a" + string(rune('0'+i))
		bomb += "a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat(alias+", ", 9) + alias + "]\n"
	}
	if _, _, ok := flatten([]byte(bomb)); ok {
		t.Error("unfolded")
	}
}

func TestSummary(t *testing.T) {
	plan := changes(Change{Path: "a", New: []byte("x")}, Change{Path: "b", Old: []byte("x")}, Change{Path: "c", Old: []byte("x"), New: []byte("y")})
	plan.Cluster = "dev"
	for want, plans := range map[string][]Plan{
		"nothing to change": {{Cluster: "dev"}},
		"1 cluster: 1 file created, 1 updated, 1 deleted":   {plan, {Cluster: "other"}},
		"2 clusters: 2 files created, 2 updated, 2 deleted": {plan, plan},
	} {
		if got := Summary(plans...); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
