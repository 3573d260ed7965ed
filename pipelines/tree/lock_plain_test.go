package tree

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func sample() Lock {
	return Lock{
		Chart:  ChartLock{Repository: "https://charts.example.com", Name: "vcluster", Version: "0.4.3", Digest: Digest([]byte("a"))},
		Inputs: Digest([]byte("b")), Host: HostLock{ServiceCIDR: "10.96.0.0/16"},
		Files: map[string]string{"root/dev.yaml": Digest(nil), "dev/manifests/a-b_c.yaml": Digest(nil)},
	}
}

// What kasou writes is read line by line, and as a parser reads it.
func TestPlainLock(t *testing.T) {
	l := sample()
	data, err := l.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, ok := plainLock(data)
	l.APIVersion, l.Kind = LockVersion, LockKind
	if d := cmp.Diff(&l, got); !ok || d != "" {
		t.Errorf("ok %t, -want +got:\n%s", ok, d)
	}
}

func FuzzPlainLock(f *testing.F) {
	l := sample()
	data, err := l.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, text := range []string{
		"kind: Lock\nkind: Lock\n", "files:\n  a: b\n  a: c\n", "files: {a: b}\n", "chart:\n  version: 0.20\n", "chart:\n  version: \"0.20\"\n",
		"inputs: null\n", "inputs: a # b\n", "inputs: a: b\n", "inputs: a:\n", "inputs:\n", "inputs: \"a\nb\"\n", "writing: true\n", "other: x\n",
		"host:\n  serviceCIDR: 10.0.0.0/8,fd00::/112\n", "files:\n    a: b\n", "files:\n  a/b: c\nfiles:\n  d: e\n", "inputs: 1:30\n", "kind: Lock", "\n", "  a: b\n",
		"chart:\n#x\n  name: a\n", "inputs: a\r\n", "inputs: -a\n", "inputs: e1\n", "inputs: x--- \n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := plainLock(data)
		if !ok {
			return
		}
		want := &Lock{}
		if err := yaml.UnmarshalStrict(data, want); err != nil {
			t.Fatalf("a parser refuses %q: %v", data, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -parser +plain:\n%s", data, d)
		}
	})
}
