package fence

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherVerbs are what a doc comment does not begin with: X returns, reports whether, is.
var otherVerbs = regexp.MustCompile(`^\s*// \w+ (gives|says whether|speaks for) `)

// answers is how a doc comment begins for what has a result.
var answers = regexp.MustCompile(`^\w+ (returns|reports whether) `)

func TestDocCommentsUseGosVerbs(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	seen := 0
	err := fs.WalkDir(root, ".", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") {
			return err
		}
		data, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		seen++
		for i, line := range strings.Split(string(data), "\n") {
			if m := otherVerbs.FindStringSubmatch(line); m != nil && !strings.Contains(line, " gives up ") {
				t.Errorf("%s:%d: %q begins with %q: write returns, or reports whether", file, i+1, strings.TrimSpace(line), m[1])
			}
		}
		return answersHaveResults(t, file, data)
	})
	if err != nil || seen < 100 {
		t.Errorf("%d files read: %v", seen, err)
	}
}

// answersHaveResults holds "X returns" to functions that return something.
func answersHaveResults(t *testing.T, file string, data []byte) error {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, data, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range parsed.Decls {
		var doc *ast.CommentGroup
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Type.Results == nil {
				doc = d.Doc
			}
		case *ast.GenDecl:
			if d.Tok == token.TYPE && len(d.Specs) == 1 {
				if _, function := d.Specs[0].(*ast.TypeSpec).Type.(*ast.FuncType); !function {
					doc = d.Doc
				}
			}
		}
		if line, _, _ := strings.Cut(doc.Text(), "\n"); answers.MatchString(line) {
			t.Errorf("%s: %q has no result to return", files.Position(doc.Pos()), line)
		}
	}
	return nil
}
