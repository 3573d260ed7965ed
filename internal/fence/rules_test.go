package fence

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// rulesInCode returns the constant of every rule in the code, by the rule's name.
func rulesInCode(t *testing.T) map[string]string {
	t.Helper()
	rules := map[string]string{}
	productCode(t, "pipelines", func(_ string, _ *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !isRule(spec.Type) {
				return true
			}
			for i, value := range spec.Values {
				name, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				if other, taken := rules[name]; taken {
					t.Errorf("%s and %s are the same rule %s", other, spec.Names[i].Name, name)
				}
				rules[name] = spec.Names[i].Name
			}
			return true
		})
	})
	return rules
}

func isRule(expr ast.Expr) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Rule"
}

// productCode calls visit for each file of Go below a folder of the repository, but for
// tests and the module of end-to-end tests.
func productCode(t *testing.T, dir string, visit func(path string, files *token.FileSet, file *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == filepath.Join(root, "e2e"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go", strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err == nil {
			visit(filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))), files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	heading := regexp.MustCompile(`(?m)^### (\S+)\n`)
	places := heading.FindAllSubmatchIndex(text, -1)
	for i, place := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		found[string(text[place[2]:place[3]])] = string(text[place[1]:end])
	}
	return found
}

// sentence is a remedy that begins as a sentence does, or with a command.
var sentence = regexp.MustCompile("(?m)^Remedy: [A-Z`\"].*[.:]$")

func TestEveryRuleIsDocumented(t *testing.T) {
	rules, documented := rulesInCode(t), sections(t)
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		section, ok := documented[rule]
		if !ok {
			t.Errorf("docs/rules.md has no section ### %s", rule)
			continue
		}
		for _, part := range []string{"Example:", "Message:", "Remedy:"} {
			if !strings.Contains(section, part) {
				t.Errorf("docs/rules.md: %s has no %s", rule, part)
			}
		}
		if remedy := sentence.FindString(section); remedy == "" {
			t.Errorf("docs/rules.md: the remedy of %s is not a sentence", rule)
		}
	}
	for rule := range documented {
		if rules[rule] == "" {
			t.Errorf("docs/rules.md has %s, which no code finds", rule)
		}
	}
}

// What is known of a stage's rules, such as how drift shows them, hangs on it.
func TestEveryRuleIsOfAStage(t *testing.T) {
	for rule := range rulesInCode(t) {
		if _, ok := finding.Rule(rule).Stage(); !ok {
			t.Errorf("%s begins with no stage that pipelines/finding knows", rule)
		}
	}
}

// A rule that no test provokes may never be found.
func TestEveryRuleIsTested(t *testing.T) {
	var tests strings.Builder
	for _, dir := range []string{"../../pipelines", "../../internal/cli", "../../e2e"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "testdata") {
				return err
			}
			data, err := os.ReadFile(path)
			tests.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rules := rulesInCode(t)
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		if !strings.Contains(tests.String(), rule) && !regexp.MustCompile(`\b`+rules[rule]+`\b`).MatchString(tests.String()) {
			t.Errorf("no test provokes %s (%s)", rule, rules[rule])
		}
	}
}
