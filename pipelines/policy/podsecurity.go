package policy

import (
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// standards are the Pod Security Standards, as the API server's admission has them.
var standards = sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) })

// podSecurity warns of workloads whose pods the namespace would refuse: those that run go
// on, and do not come back. Another admission webhook may yet change the pods.
func (c *checker) podSecurity() {
	p := c.Cluster.Spec.PodSecurity
	if p == nil || p.Enforce == "" || p.Enforce == string(api.LevelPrivileged) {
		return
	}
	level, err := api.ParseLevel(p.Enforce)
	checks, broken := standards()
	if err != nil || broken != nil {
		return // the level has a finding of its own
	}
	for _, o := range c.Objects {
		if namespace := manifest.Text(o.Fields, "metadata", "namespace"); namespace != "" && namespace != c.Cluster.Spec.Namespace {
			continue
		}
		template, ok := podsOf(o.Fields)
		if !ok {
			continue
		}
		result := policy.AggregateCheckResults(checks.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &template.ObjectMeta, &template.Spec))
		if result.Allowed {
			continue
		}
		c.findings = append(c.findings, c.Cluster.Finding(finding.Warning, RulePodSecurity, []string{"spec", "podSecurity", "enforce"},
			fmt.Sprintf("the namespace enforces %s, and refuses the pods of %s %s: %s", level, manifest.Text(o.Fields, "kind"), manifest.Text(o.Fields, "metadata", "name"), result.ForbiddenDetail()),
			"Set these fields by spec.values, or enforce a lower level: without its pods the virtual cluster does not start."))
	}
}

// podsOf returns the template of the pods that a workload makes, and whether it is one.
func podsOf(object map[string]any) (template corev1.PodTemplateSpec, ok bool) {
	at := []string{"spec", "template"}
	switch kind := manifest.Text(object, "kind"); kind {
	case "StatefulSet", "Deployment", "DaemonSet", "ReplicaSet", "Job":
	case "CronJob":
		at = []string{"spec", "jobTemplate", "spec", "template"}
	case "Pod":
		at = nil
	default:
		return template, false
	}
	if group, _, _ := strings.Cut(manifest.Text(object, "apiVersion"), "/"); group != "apps" && group != "batch" && group != "v1" {
		return template, false
	}
	fields, _ := manifest.At(object, at...).(map[string]any)
	return template, fields != nil && runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &template) == nil
}
