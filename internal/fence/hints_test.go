package fence

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// hinting are the functions whose last argument is a finding's hint.
var hinting = []string{"Finding", "add", "fail", "refuse", "report", "warn"}

// A hint is a sentence: it begins with a capital letter, and ends.
func TestHintsAreSentences(t *testing.T) {
	seen := 0
	productCode(t, "pipelines", func(file string, files *token.FileSet, parsed *ast.File) {
		if path.Dir(file) == "pipelines/publish" {
			return // its hints are the end of an error's text
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			for _, hint := range hints(n) {
				begin, end := textAt(hint, false), textAt(hint, true)
				first, _, _ := strings.Cut(begin, " ")
				if begin != "" && unicode.IsLower(rune(begin[0])) && !strings.Contains(first, ".") {
					t.Errorf("%s: the hint begins with %q", files.Position(hint.Pos()), first)
				}
				if end != "" && !strings.HasSuffix(end, ".") && !strings.HasSuffix(end, "?") {
					t.Errorf("%s: the hint ends with %q", files.Position(hint.Pos()), end)
				}
				seen++
			}
			return true
		})
	})
	if seen < 100 {
		t.Errorf("%d hints read", seen)
	}
}

// hints returns the expressions of hints that a node has.
func hints(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Hint" {
			return []ast.Expr{n.Value}
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if slices.Contains(hinting, name) && len(n.Args) > 2 {
			return n.Args[len(n.Args)-1:]
		}
	case *ast.AssignStmt:
		at := n.Lhs[len(n.Lhs)-1]
		id, _ := at.(*ast.Ident)
		if field, ok := at.(*ast.SelectorExpr); ok {
			id = field.Sel
		}
		if id != nil && strings.ToLower(id.Name) == "hint" && len(n.Lhs) == len(n.Rhs) && n.Tok != token.ADD_ASSIGN {
			return n.Rhs[len(n.Rhs)-1:]
		}
	}
	return nil
}

// textAt returns the literal text that an expression begins or ends with; empty where it
// does so with something else.
func textAt(e ast.Expr, end bool) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value) // not a text: empty
		return text
	case *ast.BinaryExpr:
		if end {
			return textAt(e.Y, end)
		}
		return textAt(e.X, end)
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return textAt(e.Args[0], end)
		}
	}
	return ""
}
