package tree

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// asPrinted holds what is written as plain text against the YAML printer.
func asPrinted(t *testing.T, l Lock) (ok bool) {
	t.Helper()
	l.APIVersion, l.Kind = LockVersion, LockKind
	got, ok := l.plainMarshal()
	if !ok {
		return false
	}
	want, err := yaml.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(lockHead+"\n"+string(want), string(got)); d != "" {
		t.Errorf("-printer +plain:\n%s", d)
	}
	return true
}

func filesOf(names ...string) map[string]string {
	files := map[string]string{}
	for _, name := range names {
		files[name] = Digest([]byte(name))
	}
	return files
}

func TestPlainMarshal(t *testing.T) {
	for name, test := range map[string]struct {
		lock  Lock
		plain bool
	}{
		"all of it":              {sample(), true},
		"empty":                  {Lock{}, true},
		"intent":                 {Lock{Writing: true, Files: map[string]string{}}, true},
		"a cluster's files":      {Lock{Files: aCluster("team-00001").digests()}, true},
		"numbers of one length":  {Lock{Files: filesOf("a/00-crd.yaml", "a/10-rbac.yaml", "a/20-rbac.yaml")}, true},
		"signs":                  {Lock{Files: filesOf("a/b.yaml", "a/b-c.yaml", "a/b_c.yaml", "a/b/c.yaml", "a/bc.yaml", "a/B.yaml", "a-b.yaml")}, true},
		"numbers of two lengths": {Lock{Files: filesOf("a/9.yaml", "a/10.yaml")}, false},
		"a letter after a digit": {Lock{Files: filesOf("a/1a.yaml", "a/1-a.yaml")}, false},
		"a sign above digits":    {Lock{Files: filesOf("a_b", "a1b")}, false},
		"a number":               {Lock{Chart: ChartLock{Version: "0.20"}}, false},
		"a word":                 {Lock{Inputs: "yes"}, false},
		"a blank":                {Lock{Chart: ChartLock{Path: "charts/my chart"}}, false},
		"a long name":            {Lock{Files: filesOf("a/" + strings.Repeat("b", 130))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asPrinted(t, test.lock); got != test.plain {
				t.Errorf("plain: %v, want %v", got, test.plain)
			}
		})
	}
}

// digests are what a lock has of the files.
func (w Wanted) digests() map[string]string {
	digests := map[string]string{}
	for p, data := range w.Files {
		digests[strings.TrimPrefix(p, "clusters/")] = Digest(data)
	}
	return digests
}

func FuzzPlainMarshal(f *testing.F) {
	f.Add("https://charts.loft.sh", "0.4.3", "10.96.0.0/16", "a/b.yaml a/b-c.yaml a/b2.yaml a/b10.yaml", true)
	f.Add("x:y", "1e3", "12:30", "a1 a1a a1- a_ a0 a00 a01 a1:2", false)
	f.Add("=", "1_000.2.3", "0x10", "aB ab a.b a@b a+b a:b a a1.5 a1.10", false)
	f.Add("~", "2001-01-01", ".inf", "x99999999999999999999 x99999999999999999998", true)
	f.Fuzz(func(t *testing.T, repository, version, cidr, names string, writing bool) {
		files := map[string]string{}
		for _, name := range strings.Fields(names) {
			files[name] = cidr
		}
		asPrinted(t, Lock{Chart: ChartLock{Repository: repository, Version: version}, Inputs: version, Files: files,
			Host: HostLock{ServiceCIDR: cidr}, Writing: writing})
	})
}
