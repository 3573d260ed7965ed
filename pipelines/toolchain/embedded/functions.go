package embedded

import (
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
	_ "unsafe" // for go:linkname

	_ "github.com/Masterminds/sprig/v3" // holds genericMap
)

// genericMap are Sprig's functions. Helm copies the map for each render that it
// begins, so that what a worker puts into it holds for all of them, for what `tpl`
// evaluates as well, and no template is changed. Helm 4's engine takes such
// functions by CustomTemplateFuncs.
//
//go:linkname genericMap github.com/Masterminds/sprig/v3.genericMap
var genericMap map[string]any

// maxCalls bounds how many calls a render reports.
const maxCalls = 64

// errNamed is how a call fails whose place Helm is to name.
var errNamed = errors.New("kasou asks where this call stands")

// observed is what a render asked for that may be another the next time.
type observed struct {
	// Calls are the names of the functions called that take more than their
	// arguments, in the order of the calls: the first maxCalls of them.
	Calls []string
	// Chance means that one of all calls takes more than the order of a map.
	Chance bool
	// Varying means that a text was seen which may hold a memory address or Helm's
	// list of API versions.
	Varying bool
}

// rendering is the state of the one render that a worker does at a time.
var rendering struct {
	environment
	observed
	called int
}

func begin(e environment) {
	rendering.environment, rendering.observed, rendering.called = e, observed{}, 0
}

// end returns what was observed since begin, and leaves the real clock and chance.
func end() observed {
	seen := rendering.observed
	begin(environment{})
	return seen
}

// note counts a call. The source is nil under the real clock and chance.
func note(name string) *source {
	rendering.called++
	rendering.Chance = rendering.Chance || name != "keys" && name != "values"
	if len(rendering.Calls) < maxCalls {
		rendering.Calls = append(rendering.Calls, name)
	}
	if rendering.called == rendering.Fails {
		panic(errNamed)
	}
	number := rendering.at(rendering.called)
	if number == 0 {
		return nil
	}
	s := newSource(number, rendering.called)
	return &s
}

type arguments = []reflect.Value

// function is one of Sprig's whose result is not its arguments' alone.
type function struct {
	// fixed reports whether these arguments leave nothing to time or chance. nil: no
	// arguments do.
	fixed func(in arguments) bool
	// under returns the result in an environment. nil: Sprig's own function, with the
	// environment's random bytes.
	under func(s source, in arguments) any
}

// replaceFunctions makes all functions of a template take time, chance and order
// from the environment, and note what they see. Sprig's own do the work under the
// real ones.
func replaceFunctions() {
	genericMap["print"], genericMap["println"], genericMap["printf"] = fmt.Sprint, fmt.Sprintln, fmt.Sprintf
	own := map[string]reflect.Value{}
	for name, f := range genericMap {
		own[name] = reflect.ValueOf(f)
	}
	for name, f := range varyingFunctions(own) {
		original := own[name]
		genericMap[name] = reflect.MakeFunc(original.Type(), func(in []reflect.Value) []reflect.Value {
			if f.fixed != nil && f.fixed(in) {
				return invoke(original, in)
			}
			s := note(name)
			switch {
			case s == nil:
				return invoke(original, in)
			case f.under == nil:
				return s.seeded(original, in)
			}
			return results(original, f.under(*s, in))
		}).Interface()
	}
	for name, f := range genericMap {
		genericMap[name] = watched(name, f)
	}
}

func invoke(f reflect.Value, in arguments) []reflect.Value {
	if f.Type().IsVariadic() {
		return f.CallSlice(in)
	}
	return f.Call(in)
}

// results returns value as f's first result, without an error.
func results(f reflect.Value, value any) []reflect.Value {
	if all, ok := value.([]reflect.Value); ok {
		return all
	}
	out := []reflect.Value{reflect.ValueOf(value)}
	if f.Type().NumOut() == 2 {
		out = append(out, reflect.Zero(f.Type().Out(1)))
	}
	return out
}

// seeded calls a function with the environment's bytes in place of crypto/rand's.
func (s source) seeded(f reflect.Value, in arguments) []reflect.Value {
	own := cryptorand.Reader
	defer func() { cryptorand.Reader = own }()
	cryptorand.Reader = s.reader
	return invoke(f, in)
}

func varyingFunctions(own map[string]reflect.Value) map[string]function {
	all := map[string]function{
		"now": {under: func(s source, _ arguments) any { return s.clock() }},
		"ago": {fixed: not(isAge), under: func(s source, in arguments) any { return s.since(in[0].Interface()).Round(time.Second).String() }},
		"durationRound": {fixed: not(isTime), under: func(s source, in arguments) any {
			return invoke(own["durationRound"], arguments{reflect.ValueOf(int64(s.since(in[0].Interface())))})
		}},
		"randInt":    {fixed: func(in arguments) bool { return in[1].Int()-in[0].Int() < 2 }, under: func(s source, in arguments) any { return int(in[0].Int()) + s.IntN(int(in[1].Int()-in[0].Int())) }},
		"shuffle":    {fixed: func(in arguments) bool { return in[0].Len() < 2 }, under: shuffle},
		"uuidv4":     {under: uuid},
		"encryptAES": {fixed: func(in arguments) bool { return in[1].Len() == 0 }},
		"keys":       {fixed: func(in arguments) bool { return !slices.ContainsFunc(in[0].Interface().([]map[string]any), several) }, under: keys},
		"values":     {fixed: func(in arguments) bool { return in[0].Len() < 2 }, under: values},
	}
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes"} {
		all[name] = function{fixed: func(in arguments) bool { return in[0].Int() < 1 }}
	}
	for name, at := range map[string]int{"date": 1, "dateInZone": 1, "date_in_zone": 1, "htmlDate": 0, "htmlDateInZone": 0} {
		all[name] = function{
			fixed: func(in arguments) bool { return isDate(in[at].Interface()) },
			under: func(s source, in arguments) any {
				in = slices.Clone(in)
				in[at] = reflect.ValueOf(s.clock())
				return invoke(own[name], in)
			},
		}
	}
	for _, name := range []string{"bcrypt", "htpasswd", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey"} {
		all[name] = function{under: func(s source, in arguments) any { return s.keep(name, own[name], in) }}
	}
	return all
}

// not is for functions that vary with a first argument of some kinds alone.
func not(is func(any) bool) func(arguments) bool {
	return func(in arguments) bool { return !is(in[0].Interface()) }
}

// isDate reports whether Sprig's date functions take it for a time: anything else
// is the present to them.
func isDate(v any) bool {
	switch v.(type) {
	case time.Time, *time.Time, int64, int, int32:
		return true
	}
	return false
}

func isAge(v any) bool {
	switch v.(type) {
	case time.Time, int64, int:
		return true
	}
	return false
}

func isTime(v any) bool { _, ok := v.(time.Time); return ok }

func (s source) since(v any) time.Duration {
	switch v := v.(type) {
	case int64:
		return s.clock().Sub(time.Unix(v, 0))
	case int:
		return s.clock().Sub(time.Unix(int64(v), 0))
	}
	return s.clock().Sub(v.(time.Time))
}

func shuffle(s source, in arguments) any {
	text := []rune(in[0].String())
	s.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	return string(text)
}

func uuid(s source, _ arguments) any {
	var b [16]byte
	_, _ = s.reader.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func several(m map[string]any) bool { return len(m) > 1 }

func keys(s source, in arguments) any {
	all := []string{}
	for _, m := range in[0].Interface().([]map[string]any) {
		all = append(all, s.keys(m)...)
	}
	return all
}

func values(s source, in arguments) any {
	m, all := in[0].Interface().(map[string]any), []any{}
	for _, key := range s.keys(m) {
		all = append(all, m[key])
	}
	return all
}

func (s source) keys(m map[string]any) []string {
	all := make([]string, 0, len(m))
	for key := range m {
		all = append(all, key)
	}
	s.arrange(all)
	return all
}

// Keys and hashes of passwords take up to a second each to make, and Go takes no seed
// for them. So the worker keeps some, and environments share them.
const (
	keySets = 4
	maxKept = 1000
)

var kept = map[string][]reflect.Value{}

// keep returns what a call of the function returned before with these arguments, in
// an environment that shares it.
func (s source) keep(name string, f reflect.Value, in arguments) []reflect.Value {
	key := fmt.Sprint(name, s.call, s.number%keySets)
	for _, v := range in {
		key += fmt.Sprintf(" %q", v.Interface())
	}
	if kept[key] == nil {
		if len(kept) >= maxKept {
			clear(kept)
		}
		kept[key] = invoke(f, in)
	}
	return kept[key]
}
