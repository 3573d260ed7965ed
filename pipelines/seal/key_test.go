package seal_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"kasou/pipelines/seal"
)

func TestParseKey(t *testing.T) {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i*37 + 200)
	}
	tests := []struct{ name, value, want string }{
		{"hex", hex.EncodeToString(raw), ""},
		{"upper-case hex and a line end", strings.ToUpper(hex.EncodeToString(raw)) + "\n", ""},
		{"base64", base64.StdEncoding.EncodeToString(raw), ""},
		{"base64 for URLs, unpadded", base64.RawURLEncoding.EncodeToString(raw), ""},
		{"short", hex.EncodeToString(raw[:16]), "holds 16 bytes"},
		{"long", hex.EncodeToString(raw) + "00", "holds 33 bytes"},
		{"words", "correct horse battery staple!", "neither hex nor base64"},
		{"zeros", strings.Repeat("0", 64), "not random"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := seal.ParseKey(test.value)
			if test.want == "" {
				if err != nil || key == nil {
					t.Fatal(err)
				}
				if printed := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); strings.Contains(printed, "200") || strings.Contains(printed, "c8ed") {
					t.Errorf("the key prints itself: %s", printed)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), test.value) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if key, err := seal.ParseKey(" "); key != nil || err != nil {
		t.Errorf("an empty value is not a key: %v, %v", key, err)
	}
}
