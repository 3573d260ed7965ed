// Command module holds the module's path to the place that kasou lives in: go install
// finds a program only where its path says.
//
//	go run ./internal/module check github.com/OWNER/kasou
//	go run ./internal/module set github.com/OWNER/kasou
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

func main() {
	if err := run(".", os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "module:", err)
		os.Exit(1)
	}
}

func run(root string, args []string) error {
	if len(args) != 2 || args[0] != "check" && args[0] != "set" {
		return errors.New("it takes check or set, and the module's path, such as github.com/OWNER/kasou")
	}
	wanted := args[1]
	if err := module.CheckPath(wanted); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	now := modfile.ModulePath(data)
	switch {
	case now == wanted:
		return nil
	case args[0] == "check":
		return fmt.Errorf("go.mod says that the module is %s, and its place is %s: run make module MODULE=%s, and commit", now, wanted, wanted)
	}
	return rename(root, now, wanted)
}

// rename writes another path for the module, and for those below it.
func rename(root, from, to string) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "dist"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		case d.Name() == "go.mod":
			return rewrite(file, func(data []byte) ([]byte, error) { return goMod(file, data, from, to) })
		case filepath.Ext(file) == ".go":
			return rewrite(file, func(data []byte) ([]byte, error) { return goFile(root, file, data, from, to) })
		case d.Name() == ".golangci.yml":
			return rewrite(file, func(data []byte) ([]byte, error) {
				return bytes.Replace(data, []byte("local-prefixes: ["+from+"]"), []byte("local-prefixes: ["+to+"]"), 1), nil
			})
		}
		return nil
	})
}

func rewrite(file string, change func([]byte) ([]byte, error)) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := change(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if bytes.Equal(changed, data) {
		return nil
	}
	return os.WriteFile(file, changed, 0o644)
}

// goMod changes the module's path, and those of the module in requirements and
// replacements. Lines are changed as they stand: comments stay.
func goMod(file string, data []byte, from, to string) ([]byte, error) {
	if _, err := modfile.Parse(file, data, nil); err != nil {
		return nil, err
	}
	line := regexp.MustCompile(`(?m)^(module |replace |require |\t)` + regexp.QuoteMeta(from) + `([/ \n]|$)`)
	return line.ReplaceAll(data, []byte("${1}"+to+"${2}")), nil
}

// goFile changes imports, and texts that name a package of the module: those that begin
// with the module's path and go on with a folder that there is.
func goFile(root, file string, data []byte, from, to string) ([]byte, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, data, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	places := map[int]int{} // offsets of what is to be replaced, and where it ends
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err == nil && isPackage(root, value, from) {
			at := files.Position(literal.Pos()).Offset + 1
			places[at] = at + len(from)
		}
		return true
	})
	var b bytes.Buffer
	last := 0
	for _, at := range slices.Sorted(keys(places)) {
		b.Write(data[last:at])
		b.WriteString(to)
		last = places[at]
	}
	b.Write(data[last:])
	return b.Bytes(), nil
}

func keys(m map[int]int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// isPackage reports whether a text is the path of a package of the module, or of all
// below one: its first element is a folder of the module.
func isPackage(root, value, from string) bool {
	rest, ok := strings.CutPrefix(value, from+"/")
	if !ok || rest == "" {
		return false
	}
	first, _, _ := strings.Cut(rest, "/")
	if first == "..." {
		return true
	}
	info, err := os.Stat(filepath.Join(root, first))
	return err == nil && info.IsDir()
}
