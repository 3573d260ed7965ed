package vcluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

// TestOverrides: what spec.values does to what the fields of the spec set.
func TestOverrides(t *testing.T) {
	type m = map[string]any
	list := func(items ...any) []any { return items }
	const out = "--out-kube-config-server=" + server
	for name, test := range map[string]struct {
		chart, version string
		values         m
		want           []string
	}{
		"a list without the service CIDR": {
			"vcluster", "0.4.3", m{"vcluster": m{"extraArgs": list("--v=2")}},
			[]string{`error: spec.values.vcluster.extraArgs replaces the whole list and drops "--service-cidr=10.55.0.0/16", which spec.serviceCIDR needs [vcluster-dropped-item]`},
		},
		"a list with it": {"vcluster", "0.4.3", m{"vcluster": m{"extraArgs": list("--v=2", "--service-cidr=10.55.0.0/16")}}, nil},
		"in two items":   {"vcluster", "0.4.3", m{"vcluster": m{"extraArgs": list("--service-cidr", "10.55.0.0/16")}}, nil},
		"another service CIDR": {
			"vcluster", "0.4.3", m{"vcluster": m{"extraArgs": list("--service-cidr=10.56.0.0/16")}},
			[]string{`warning: spec.values.vcluster.extraArgs overrides spec.serviceCIDR, which asks for --service-cidr=10.55.0.0/16 [vcluster-override]`},
		},
		"a map in place of which stands null": {
			"vcluster", "0.4.3", m{"vcluster": nil},
			[]string{`error: spec.values.vcluster replaces the whole list and drops "--service-cidr=10.55.0.0/16", which spec.serviceCIDR needs [vcluster-dropped-item]`},
		},
		"the exported server dropped": {
			"vcluster-k8s", "0.16.0", m{"syncer": m{"extraArgs": list("--tls-san=x,api.example.com")}},
			[]string{`error: spec.values.syncer.extraArgs replaces the whole list and drops "` + out + `", which spec.server needs [vcluster-dropped-item]`},
		},
		"the server's SAN dropped": {
			"vcluster", "0.10.2", m{"syncer": m{"extraArgs": list("--tls-san=x", out)}},
			[]string{`error: spec.values.syncer.extraArgs replaces the whole list and drops "--tls-san=api.example.com", which spec.server needs [vcluster-dropped-item]`},
		},
		"scalars": {
			"vcluster", "0.24.1", m{"serviceCIDR": "10.1.0.0/16", "controlPlane": m{"ingress": m{"host": nil, "enabled": true}}},
			[]string{
				`warning: spec.values.controlPlane.ingress.host overrides spec.ingress.host, which asks for dev.k8s.example.com [vcluster-override]`,
				`warning: spec.values.serviceCIDR overrides spec.serviceCIDR, which asks for 10.55.0.0/16 [vcluster-override]`,
			},
		},
		"an annotation": {
			"vcluster", "0.12.0", m{"ingress": m{"annotations": m{"example.com/team": "other", "more": "x"}}},
			[]string{`warning: spec.values.ingress.annotations.example.com/team overrides spec.ingress.annotations.example.com/team, which asks for platform [vcluster-override]`},
		},
		"SANs of 0.20.0, ingress host dropped": {
			"vcluster", "0.20.0", m{"controlPlane": m{"proxy": m{"extraSANs": list("api.example.com")}}},
			[]string{`error: spec.values.controlPlane.proxy.extraSANs replaces the whole list and drops "dev.k8s.example.com", which spec.ingress.host needs [vcluster-dropped-item]`},
		},
		"SANs of 0.20.1, where it is added": {"vcluster", "0.20.1", m{"controlPlane": m{"proxy": m{"extraSANs": list("api.example.com")}}}, nil},
		"no arguments for the syncer": {
			"vcluster-eks", "0.16.0", m{"syncer": m{"noArgs": true}},
			[]string{`warning: spec.values.syncer.noArgs leaves spec.ingress.host without effect: the syncer gets none of the chart's arguments, so its certificate lacks the ingress host [vcluster-defeated-field]`},
		},
		"a k0s configuration": {
			"vcluster-k0s", "0.19.7", m{"config": "spec: {}"},
			[]string{`warning: spec.values.config leaves spec.serviceCIDR without effect: it replaces the whole k0s configuration, service CIDR and all [vcluster-defeated-field]`},
		},
		"ingress rules": {
			"vcluster", "0.36.1", m{"controlPlane": m{"ingress": m{"spec": m{"rules": list(m{"host": "x"})}}}},
			[]string{`warning: spec.values.controlPlane.ingress.spec.rules leaves spec.ingress.host without effect: it replaces the rule that the chart makes for the host [vcluster-defeated-field]`},
		},
		"k3s where it is gone": {
			"vcluster", "0.33.0-rc.1", m{"controlPlane": m{"distro": m{"k3s": m{"enabled": true}}}},
			[]string{`error: spec.values.controlPlane.distro.k3s: charts from 0.33 on do not take it, and this is vcluster 0.33.0-rc.1 [vcluster-removed-value]`},
		},
		"k3s where it is not": {"vcluster", "0.32.3", m{"controlPlane": m{"distro": m{"k3s": m{"enabled": true}}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := fullCluster()
			c.File = ""
			c.Spec.Values = test.values
			_, found := vcluster.Plan(c, toolchain.Chart{Name: test.chart, Version: test.version})
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMerge: maps merge, lists and scalars replace, null stays, and the spec is
// left as it was.
func TestMerge(t *testing.T) {
	type m = map[string]any
	c := fullCluster()
	c.Spec.Values = m{
		"ingress": m{"tls": []any{m{"hosts": []any{"x"}}}, "host": host},
		"syncer":  m{"resources": nil},
	}
	result, found := vcluster.Plan(c, toolchain.Chart{Name: "vcluster", Version: "0.16.0"})
	want := m{
		"ingress": m{
			"enabled": true, "host": host, "ingressClassName": "nginx-public",
			"annotations": m{"example.com/team": "platform"}, "tls": []any{m{"hosts": []any{"x"}}},
		},
		"serviceCIDR": cidr,
		"syncer":      m{"extraArgs": []any{"--tls-san=api.example.com", "--out-kube-config-server=" + server}, "resources": nil},
	}
	if diff := cmp.Diff(want, result.Values); diff != "" || len(found) > 0 {
		t.Errorf("findings %v, values (-want +got):\n%s", found, diff)
	}
	dig(result.Values, "ingress").(m)["tls"].([]any)[0].(m)["hosts"].([]any)[0] = "changed"
	if got := dig(c.Spec.Values, "ingress", "tls").([]any)[0].(m)["hosts"].([]any)[0]; got != "x" {
		t.Errorf("the spec's values share memory with the result: %v", got)
	}
}

func TestMarshalNothing(t *testing.T) {
	got, err := vcluster.MarshalValues(nil)
	if err != nil || string(got) != "# Written by kasou from spec.yaml. Do not edit.\n{}\n" {
		t.Errorf("%q, %v", got, err)
	}
}
