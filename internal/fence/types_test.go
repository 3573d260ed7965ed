package fence

import (
	"go/ast"
	"go/token"
	"path"
	"testing"
)

// mostMethods are how many a type may have: one with more does several things.
const mostMethods = 15

func TestTypesAreSmall(t *testing.T) {
	methods := map[string]int{}
	productCode(t, ".", func(file string, _ *token.FileSet, parsed *ast.File) {
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				methods[path.Dir(file)+"."+receiver(f.Recv.List[0].Type)]++
			}
		}
	})
	if len(methods) < 100 {
		t.Errorf("%d types read", len(methods))
	}
	for name, n := range methods {
		if n > mostMethods {
			t.Errorf("%s has %d methods: what shares no state is a function, and a part of the state with its methods a type", name, n)
		}
	}
}

// receiver returns the name of a method's type.
func receiver(of ast.Expr) string {
	switch e := of.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
