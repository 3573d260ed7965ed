package render

import (
	"fmt"
	"strings"
)

// The two worlds that a chart is rendered in to see whether it depends on time
// or chance: in the early one every impure function gives one fixed result, in
// the late one another.
const (
	earlyTime = "(toDate `2006-01-02T15:04:05` `2001-02-03T04:05:06`)"
	lateTime  = "(toDate `2006-01-02T15:04:05` `2032-11-22T13:14:15`)"
	earlyUUID = "`00000000-0000-4000-8000-000000000001`"
	lateUUID  = "`00000000-0000-4000-8000-000000000002`"
)

// helpersFile is the template that the changed charts have more.
const helpersFile = "templates/_kasou-worlds.tpl"

// helpers stand for functions of one argument: text of the asked length, an
// age, and the seconds that a date function would see, which is the present
// for everything that is neither a time nor a number.
var helpers = world("early", "1", "981173106") + world("late", "2", "1984655655")

func world(name, text, seconds string) string {
	return strings.NewReplacer("WORLD", name, "TEXT", text, "SECONDS", seconds).Replace(`{{- define "kasou.WORLD.text" }}{{ repeat (int .) "TEXT" }}{{ end -}}
{{- define "kasou.WORLD.ago" }}TEXTh0m0s{{ end -}}
{{- define "kasou.WORLD.when" }}{{ if or (typeIs "time.Time" .) (typeIs "*time.Time" .) }}{{ .Unix }}{{ else if or (typeIs "int" .) (typeIs "int32" .) (typeIs "int64" .) }}{{ . }}{{ else }}SECONDS{{ end }}{{ end -}}
`)
}

// edit replaces bytes start to end of a file.
type edit struct {
	start, end int
	text       string
}

// rewrite gives the edits for one call of an impure function in each world.
// piped says that the call gets its last argument from the left of a |.
type rewrite func(text string, call call, world string) []edit

// call is one use of a function.
type call struct {
	start, end int // of the function's name
	first      bool
	piped      bool
}

// impure are Helm's functions whose result is not their arguments' alone. nil:
// their result cannot be replaced by a fixed one, so only rendering more than
// once shows them. `lookup` and `getHostByName` give nothing here.
var impure = map[string]rewrite{
	"now": literal(earlyTime, lateTime), "uuidv4": literal(earlyUUID, lateUUID),
	"ago":          helper("ago"),
	"randAlphaNum": helper("text"), "randAlpha": helper("text"), "randAscii": helper("text"),
	"randNumeric": helper("text"), "randBytes": helper("text"),
	"date": dateAt(2), "htmlDate": dateAt(1),
	"dateInZone": dateAt(2), "date_in_zone": dateAt(2), "htmlDateInZone": dateAt(1),
	"keys":    sorted,
	"values":  nil,
	"shuffle": nil, "randInt": nil, "bcrypt": nil, "htpasswd": nil, "encryptAES": nil,
	"genPrivateKey": nil, "genCA": nil, "genCAWithKey": nil,
	"genSelfSignedCert": nil, "genSelfSignedCertWithKey": nil,
	"genSignedCert": nil, "genSignedCertWithKey": nil,
}

// coarse have so few results that two renders may well agree by chance.
var coarse = map[string]bool{"values": true, "shuffle": true, "randInt": true}

func literal(early, late string) rewrite {
	return func(_ string, c call, world string) []edit {
		if world == "late" {
			return []edit{{c.start, c.end, late}}
		}
		return []edit{{c.start, c.end, early}}
	}
}

func helper(name string) rewrite {
	return func(_ string, c call, world string) []edit {
		return []edit{{c.start, c.end, fmt.Sprintf("include `kasou.%s.%s`", world, name)}}
	}
}

// sorted gives keys, which come in the random order of a Go map, in one order
// and in the other.
func sorted(text string, c call, world string) []edit {
	if !c.first {
		return nil
	}
	words := commandWords(text, c.start)
	end := words[len(words)-1].end
	if world == "late" {
		return []edit{{end, end, " | sortAlpha | reverse"}}
	}
	return []edit{{end, end, " | sortAlpha"}}
}

// dateAt handles a date function whose n-th argument is the date.
func dateAt(n int) rewrite {
	return func(text string, c call, world string) []edit {
		if !c.first {
			return nil
		}
		words := commandWords(text, c.start)
		if len(words) > n {
			w := words[n]
			return []edit{{w.start, w.start, "(include `kasou." + world + ".when` "}, {w.end, w.end, " | int64)"}}
		}
		if c.piped && len(words) == n {
			return []edit{{c.start, c.start, "include `kasou." + world + ".when` | int64 | "}}
		}
		return nil
	}
}

// span is a word of a command.
type span struct{ start, end int }

// commandWords gives the words of the command that starts at pos, the function
// first: up to the next | or the end of the parenthesis or action. The text is
// known to parse.
func commandWords(text string, pos int) []span {
	var words []span
	depth, start := 0, -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, span{start, end})
			start = -1
		}
	}
	for i := pos; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"' || b == '\'' || b == '`':
			if start < 0 {
				start = i
			}
			i = closing(text, i)
		case b == '(':
			if start < 0 {
				start = i
			}
			depth++
		case b == ')' && depth > 0:
			depth--
		case depth > 0:
		case b == ')' || b == '|' || b == '}':
			flush(i)
			return words
		case b == ' ' || b == '\t' || b == '\n' || b == '\r':
			flush(i)
			if len(text) > i+3 && text[i+1:i+4] == "-}}" {
				return words
			}
		case start < 0:
			start = i
		}
	}
	flush(len(text))
	return words
}

// closing gives the place of the quote that ends the one at i.
func closing(text string, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote; i++ {
		if text[i] == '\\' && quote != '`' {
			i++
		}
	}
	return i
}
