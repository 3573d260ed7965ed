package policy_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/policy"
)

// The pods that a namespace would refuse are told, those of every kind of workload, and no
// others.
func TestPodSecurity(t *testing.T) {
	const root, safe = "containers: [{name: a, image: b, securityContext: {runAsUser: 0}}]",
		"containers: [{name: a, image: b, securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}}]"
	privileged := "containers: [{name: a, image: b, securityContext: {privileged: true}}]"
	workload := func(version, kind, spec string) string {
		return "{apiVersion: " + version + ", kind: " + kind + ", metadata: {name: x}, spec: " + spec + "}"
	}
	of := func(pods string) string { return "{template: {spec: {" + pods + "}}}" }
	for name, test := range map[string]struct{ level, object, want string }{
		"root":               {"restricted", workload("apps/v1", "StatefulSet", of(root)), "refuses the pods of StatefulSet x: allowPrivilegeEscalation != false"},
		"root, lower":        {"baseline", workload("apps/v1", "StatefulSet", of(root)), ""},
		"root, not enforced": {"", workload("apps/v1", "StatefulSet", of(root)), ""},
		"no level":           {"privileged", workload("apps/v1", "StatefulSet", of(privileged)), ""},
		"privileged":         {"baseline", workload("apps/v1", "Deployment", of(privileged)), "privileged"},
		"safe":               {"restricted", workload("apps/v1", "Deployment", of(safe)), ""},
		"a Job":              {"restricted", workload("batch/v1", "Job", of(root)), "of Job x"},
		"a CronJob":          {"restricted", workload("batch/v1", "CronJob", "{jobTemplate: {spec: "+of(root)+"}}"), "of CronJob x"},
		"a Pod":              {"restricted", workload("v1", "Pod", "{"+root+"}"), "of Pod x"},
		"another's kind":     {"restricted", workload("example.com/v1", "Deployment", of(root)), ""},
		"another's space":    {"restricted", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, namespace: other}, spec: " + of(root) + "}", ""},
		"no pods":            {"restricted", workload("apps/v1", "Deployment", "{}"), ""},
		"no sense":           {"restricted", workload("apps/v1", "Deployment", "{template: {spec: {containers: a}}}"), ""},
		"a Service":          {"restricted", workload("v1", "Service", "{}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var fields map[string]any
			if err := yaml.Unmarshal([]byte(test.object), &fields); err != nil {
				t.Fatal(err)
			}
			var c fleet.Cluster
			c.Name, c.Spec.Namespace = "dev", "dev"
			if test.level != "" {
				c.Spec.PodSecurity = &fleet.PodSecurity{Enforce: test.level, Warn: "restricted"}
			}
			var told []string
			for _, f := range policy.Check(policy.Request{Cluster: c, Objects: []policy.Object{{File: "a", Line: 1, Fields: fields}}}).Findings {
				if f.Rule == policy.RulePodSecurity {
					told = append(told, f.Message)
					if f.Severity != finding.Warning {
						t.Errorf("the severity is %v", f.Severity)
					}
				}
			}
			if got := strings.Join(told, "; "); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
