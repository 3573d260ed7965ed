package doctor

import "testing"

func TestSameRemote(t *testing.T) {
	const wanted = "https://github.com/acme/platform.git"
	for remote, same := range map[string]bool{
		"https://github.com/acme/platform":               true,
		"https://user:secret@GitHub.com/acme/platform/":  true,
		"git@github.com:acme/platform.git":               true,
		"ssh://git@github.com:22/acme/platform.git":      true,
		"git@github.com:acme/other.git":                  false,
		"https://gitlab.com/acme/platform.git":           false,
		"/srv/git/platform.git":                          false,
		"https://github.com/acme/platform.git/../other/": false,
	} {
		if sameRemote(remote, wanted) != same {
			t.Errorf("%s: same is %v", remote, !same)
		}
	}
	if got := plainRemote("https://user:secret@github.com/acme/x.git"); got != "github.com/acme/x" {
		t.Errorf("got %s", got)
	}
}

func TestMayWrite(t *testing.T) {
	for _, test := range []struct {
		permissions any
		may         bool
	}{
		{"write-all", true}, {"read-all", false}, {map[string]any{}, false}, {nil, false},
		{map[string]any{"contents": "write"}, true}, {map[string]any{"contents": "read"}, false}, {7, false},
	} {
		if mayWrite(test.permissions) != test.may {
			t.Errorf("%v: may is %v", test.permissions, !test.may)
		}
	}
}
