package manifest_test

import (
	"strings"
	"testing"
)

// long are texts as long as those of Secrets; some are numbers to YAML.
var long = map[string]string{
	"@1": strings.Repeat("aGVsbG8gd29ybGQK", 30) + "==",
	"@2": strings.Repeat("9876543210", 40),
	"@3": strings.Repeat("1", 300) + "e5",
	"@4": "0x" + strings.Repeat("deadBEEF", 40),
	"@5": "+" + strings.Repeat("Zz", 200),
	"@6": strings.Repeat("gA+/", 100),
}

func TestMarshalWritesLongTextsWhole(t *testing.T) {
	list := []any{}
	table := map[string]any{}
	for name, text := range long {
		list = append(list, text, map[string]any{name: text, text: "key"})
		table[name] = text + " more"
	}
	sameAsLibrary(t, map[string]any{"list": list, "a": long["@1"], "five": 5.0})
	table["list"] = list
	table["five"] = 5.0
	sameAsLibrary(t, table)
	sameAsLibrary(t, long["@1"])
}
