package fleet

import (
	"strings"
	"testing"
)

func TestNewSpec(t *testing.T) {
	remote := Chart{Repository: "https://charts.loft.sh", Name: "vcluster", Version: "0.4.3"}
	for _, o := range []NewOptions{
		{Name: "staging"},
		{Name: "staging", Host: "staging.example.com"},
		{Name: "staging", Namespace: "team", Chart: remote, Host: "staging.example.com"},
		{Name: "true", Namespace: "123", Chart: Chart{Path: "charts/vcluster"}},
		{Name: "null"}, {Name: "y"}, {Name: "1e3"}, {Name: "console"}, {Name: "com10"},
	} {
		data, err := NewSpec(o)
		if err != nil {
			t.Errorf("%+v: %v\n%s", o, err, data)
			continue
		}
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=../spec.schema.json\n") {
			t.Errorf("%+v: an editor finds no schema in\n%s", o, data)
		}
		f, findings := load(t, repo(t, map[string]string{o.Name + "/spec.yaml": string(data)}))
		if findings.Failed() {
			t.Errorf("%+v:\n%s%s", o, data, text(findings))
			continue
		}
		c := f.Clusters[0]
		if c.Spec.Ingress.Host != o.Host || *c.Spec.Ingress.Enabled != (o.Host != "") ||
			o.Namespace != "" && c.Spec.Namespace != o.Namespace || o.Chart != (Chart{}) && *c.Spec.Chart != o.Chart {
			t.Errorf("%+v became %+v", o, c.Spec)
		}
	}
}

func TestNewSpecRefuses(t *testing.T) {
	for _, tt := range []struct {
		options NewOptions
		want    []string
	}{
		{NewOptions{}, []string{"metadata.name is empty"}},
		{NewOptions{Name: "Upper", Host: "a b"}, []string{"DNS label", "DNS name"}},
		{NewOptions{Name: "root"}, []string{"kasou needs"}},
		{NewOptions{Name: "con"}, []string{"device on Windows"}},
		{NewOptions{Name: "NUL"}, []string{"device on Windows"}},
		{NewOptions{Name: "com1"}, []string{"device on Windows"}},
		{NewOptions{Name: "Lpt9"}, []string{"device on Windows"}},
		{NewOptions{Name: "a\nb: c"}, []string{"DNS label"}},
		{NewOptions{Name: "a", Chart: Chart{Name: "vcluster", Version: "1"}}, []string{"exact version"}},
		{NewOptions{Name: "a", Namespace: "kube-system"}, []string{"belongs to Kubernetes"}},
	} {
		_, err := NewSpec(tt.options)
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: %v, want %q in it", tt.options, err, part)
			}
		}
	}
}
