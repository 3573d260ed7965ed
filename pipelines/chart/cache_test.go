package chart

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

func TestWarmCacheNeedsNoNetwork(t *testing.T) {
	isolate(t)
	server := serve(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	server.add(t, "demo", "1.2.3", archive, "demo-1.2.3.tgz")
	ref := remoteRef(server.URL, "demo", "1.2.3")
	_, pin := fetch(t, newStore(t), ref, nil)
	server.Close()
	ch, again := fetch(t, newStore(t), ref, &pin)
	if !bytes.Equal(ch.Archive, archive) || again != pin {
		t.Errorf("another chart, or another pin: %+v", again)
	}
	if _, _, _, err := newStore(t).Fetch(context.Background(), cluster(ref), nil); err == nil {
		t.Error("without a pin the closed server was not asked")
	}
}

func TestCorruptCacheEntryIsFetchedAgain(t *testing.T) {
	isolate(t)
	server := serve(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	server.add(t, "demo", "1.2.3", archive, "demo-1.2.3.tgz")
	ref := remoteRef(server.URL, "demo", "1.2.3")
	_, pin := fetch(t, newStore(t), ref, nil)
	entry := filepath.Join(os.Getenv("KASOU_CACHE"), "charts", "sha256", strings.TrimPrefix(pin.Digest, "sha256:")+".tgz")
	for name, data := range map[string]string{"cut off": string(archive[:100]), "empty": "", "changed": string(archive) + "x"} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, entry, data)
			before := server.requests.Load()
			if ch, _ := fetch(t, newStore(t), ref, &pin); !bytes.Equal(ch.Archive, archive) {
				t.Error("the corrupt archive was used")
			}
			if server.requests.Load() == before {
				t.Error("nothing was fetched")
			}
			if healed, _ := os.ReadFile(entry); !bytes.Equal(healed, archive) {
				t.Error("the cache was not mended")
			}
		})
	}
}

func TestUnwritableCacheIsAWarning(t *testing.T) {
	isolate(t)
	server := serve(t)
	server.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	blocked := filepath.Join(t.TempDir(), "file")
	writeFile(t, blocked, "")
	ch, pin, findings, err := newStore(t, WithCache(filepath.Join(blocked, "cache"))).
		Fetch(context.Background(), cluster(remoteRef(server.URL, "demo", "1.2.3")), nil)
	if err != nil || ch.Archive == nil || pin.Digest == "" {
		t.Fatalf("no chart: %v", err)
	}
	if len(findings) != 1 || findings[0].Rule != RuleCache || findings[0].Severity != finding.Warning {
		t.Errorf("findings %v", findings)
	}
	t.Log(findings[0])
}

func TestCacheFolder(t *testing.T) {
	for _, test := range []struct{ name, kasou, xdg, want string }{
		{"KASOU_CACHE", "/c/kasou", "/c/xdg", "/c/kasou"},
		{"XDG_CACHE_HOME", "", "/c/xdg", "/c/xdg/kasou"},
		{"HOME", "", "", "/home/anna/.cache/kasou"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("KASOU_CACHE", test.kasou)
			t.Setenv("XDG_CACHE_HOME", test.xdg)
			t.Setenv("HOME", "/home/anna")
			if got := CacheDir(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
