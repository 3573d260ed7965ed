package embedded

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
)

// What a template itself prints is out of reach: a pointer within a list, or
// Helm's API versions, which Helm takes from a Go map. But it stays visible in the
// text until a function makes something else of it, such as a hash. So every
// function that could looks at its texts before, and the worker at all that was
// rendered. What is seen costs a few renders more and decides nothing.

// anyAPIVersion stands in any list of Helm's API versions.
const anyAPIVersion = "internal.apiserver.k8s.io/v1alpha1"

// watch notes a text that may hold a memory address or the API versions.
func watch(text string) {
	if !rendering.Varying && (holdsAddress(text) || strings.Contains(text, anyAPIVersion)) {
		rendering.Varying = true
	}
}

// addressDigits is less than any memory address of Go's has.
const addressDigits = 6

func holdsAddress(text string) bool {
	for {
		x := strings.IndexByte(text, 'x') // rarer than a zero
		if x < 0 {
			return false
		}
		after := text[x+1:]
		if x > 0 && text[x-1] == '0' && len(after) >= addressDigits && !strings.ContainsFunc(after[:addressDigits], notHex) {
			return true
		}
		text = after
	}
}

func notHex(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }

// passing are functions that hand their texts on whole, or look for a map's key.
var passing = []string{
	"get", "set", "unset", "hasKey", "pick", "omit", "pluck", "empty",
	"print", "println", "toString", "quote", "squote", "cat", "trim", "indent", "nindent",
}

// watched returns a function that watches its texts first: where it is none that
// hands them on whole.
func watched(name string, f any) any {
	if slices.Contains(passing, name) {
		return f
	}
	switch f := f.(type) {
	case func(string) string:
		return func(a string) string { watch(a); return f(a) }
	case func(string, string) string:
		return func(a, b string) string { watch(a); watch(b); return f(a, b) }
	case func(string, string) bool:
		return func(a, b string) bool { watch(a); watch(b); return f(a, b) }
	case func(int, string) string:
		return func(n int, a string) string { watch(a); return f(n, a) }
	case func(string, ...any) string:
		return func(format string, all ...any) string {
			watchFormat(format, all)
			return f(format, all...)
		}
	}
	t := reflect.TypeOf(f)
	if !transforms(t) {
		return f
	}
	original := reflect.ValueOf(f)
	return reflect.MakeFunc(t, func(in []reflect.Value) []reflect.Value {
		for _, v := range in {
			watchValue(v)
		}
		return invoke(original, in)
	}).Interface()
}

// transforms reports whether a function gets text and does not hand it on whole.
func transforms(f reflect.Type) bool {
	texts, values := false, false
	for i := range f.NumIn() {
		in := f.In(i)
		if f.IsVariadic() && i == f.NumIn()-1 {
			in = in.Elem()
		}
		texts = texts || in.Kind() == reflect.String
		values = values || in.Kind() == reflect.Interface
	}
	switch f.Out(0).Kind() {
	case reflect.Interface, reflect.Map, reflect.Slice:
		return texts
	}
	return texts || values
}

func watchValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		watch(v.String())
	case reflect.Interface:
		watchValue(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			watchValue(v.Index(i))
		}
	}
}

// watchFormat is for printf: verbs such as %p and %x print a pointer otherwise than
// as 0x and digits, and %.3s cuts a text.
func watchFormat(format string, all []any) {
	if !hasOddVerb(format) {
		return
	}
	for _, v := range all {
		switch v := v.(type) {
		case string:
			watch(v)
		case nil, bool, int, int32, int64, uint, uint64, float64:
		default:
			rendering.Varying = true
		}
	}
}

// hasOddVerb reports whether a format has more than plain %s, %v and %q.
func hasOddVerb(format string) bool {
	for {
		_, after, found := strings.Cut(format, "%")
		if !found || after == "" {
			return false
		}
		if !strings.ContainsRune("svq%", rune(after[0])) {
			return true
		}
		format = after[1:]
	}
}

// versionsListed matches mentions of Helm's capabilities; those with a first group
// do not show the API versions' order.
var versionsListed = regexp.MustCompile(`\bCapabilities(\.(?:KubeVersion|HelmVersion|APIVersions\.Has)\b)?|\bAPIVersions(\.Has\b)?`)

// mayListVersions reports whether a chart's text or values may list the API
// versions, where no function would see it.
func mayListVersions(text []byte) bool {
	for _, m := range versionsListed.FindAllSubmatch(text, -1) {
		if m[1] == nil && m[2] == nil {
			return true
		}
	}
	return false
}

// listsVersions looks at all files of a chart and its subcharts that a template can
// evaluate.
func listsVersions(ch *chart.Chart) bool {
	return slices.ContainsFunc(ch.Raw, func(f *chart.File) bool { return f.Name != "values.schema.json" && mayListVersions(f.Data) }) ||
		slices.ContainsFunc(ch.Dependencies(), listsVersions)
}
