package chart

import (
	"context"
	"slices"
	"testing"

	"kasou/pipelines/fleet"
)

func TestVersionsOfARepository(t *testing.T) {
	isolate(t)
	server := serve(t)
	for _, version := range []string{"1.2.0", "1.10.0", "2.0.0-rc.1", "1.9.0", "0.4.3", "2.0.0-alpha.9"} {
		server.add(t, "demo", version, []byte(version), "demo-"+version+".tgz")
	}
	for _, test := range []struct {
		name string
		ref  fleet.Chart
		want []string
	}{
		{"stable", remoteRef(server.URL, "demo", "0.4.3"), []string{"1.10.0", "1.9.0", "1.2.0", "0.4.3"}},
		{"from a pre-release", remoteRef(server.URL, "demo", "2.0.0-alpha.9"), []string{"2.0.0-rc.1", "2.0.0-alpha.9", "1.10.0", "1.9.0", "1.2.0", "0.4.3"}},
		{"path", pathRef("charts/demo"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := newStore(t).Versions(context.Background(), test.ref)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v (%v), want %v", got, err, test.want)
			}
		})
	}
	if _, err := newStore(t).Versions(context.Background(), remoteRef(server.URL, "none", "1.0.0")); err == nil {
		t.Error("an unknown chart has versions")
	}
}
