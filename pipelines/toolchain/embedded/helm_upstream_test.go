package embedded_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/internal/upstream"
	"kasou/pipelines/toolchain/embedded"
)

// Values for the charts before 0.20, which ignore what they do not know.
var oldValues = map[string]string{
	"defaults": "",
	"ingress":  "ingress: {enabled: true, host: dev.example.com, ingressClassName: nginx, annotations: {a: b}}\n",
	"ha": `enableHA: true
replicas: 3
syncer: {replicas: 2}
api: {replicas: 2}
controller: {replicas: 2}
etcd: {replicas: 3, storage: {size: 7Gi}}
coredns: {replicas: 2}
vcluster: {extraArgs: [--service-cidr=10.96.0.0/16]}
`,
	"token for ha": "enableHA: true\nreplicas: 2\nk3sToken: fixed\ntoken: fixed\n",
	"no storage":   "storage: {persistence: false}\netcd: {storage: {persistence: false}}\nserviceCIDR: 10.96.0.0/12\n",
	"most options": `isolation: {enabled: true, namespace: null, podSecurityStandard: baseline}
rbac: {clusterRole: {create: true}, role: {extended: true, excludedApiResources: [pods/exec]}}
monitoring: {serviceMonitor: {enabled: true}}
sync:
  nodes: {enabled: true, syncAllNodes: true}
  ingresses: {enabled: true}
  ingressclasses: {enabled: true}
  networkpolicies: {enabled: true}
  volumesnapshots: {enabled: true}
  persistentvolumes: {enabled: true}
  storageclasses: {enabled: true}
  serviceaccounts: {enabled: true}
  generic: {config: "version: v1beta1\nexport: []\n", clusterRole: {extraRules: [{apiGroups: [x], resources: [y], verbs: [get]}]}}
init: {manifests: "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", helm: [{chart: {name: nginx, repo: "https://charts.example.com", version: 1.2.3}, values: "a: b", release: {name: n, namespace: m}}]}
plugin: {p: {image: example/p, imagePullPolicy: Always, rbac: {role: {extraRules: [{apiGroups: [x], resources: [y], verbs: [get]}]}, clusterRole: {extraRules: [{apiGroups: [x], resources: [y], verbs: [get]}]}}}}
syncer: {extraArgs: ["--out-kube-config-server=https://dev.example.com"], labels: {a: b}, podLabels: {c: d}, volumeMounts: [], securityContext: {runAsUser: 1000}, kubeConfigContextName: ctx}
serviceAccount: {create: true, name: sa, imagePullSecrets: [{name: pull}]}
service: {type: LoadBalancer, loadBalancerIP: 1.2.3.4, externalIPs: [1.2.3.4]}
headless: false
globalAnnotations: {team: a}
labels: {l: "1"}
podLabels: {p: "yes"}
annotations: {big: "12345678901"}
podAnnotations: {float: "1.50"}
affinity: {nodeAffinity: {}}
tolerations: [{operator: Exists}]
nodeSelector: {disk: ssd}
priorityClassName: high
openshift: {enable: true}
embeddedEtcd: {enabled: true}
mapServices: {fromVirtual: [{from: a/b, to: c}], fromHost: [{from: c/d, to: a/b}]}
multiNamespaceMode: {enabled: true}
fallbackHostDns: true
telemetry: {disabled: "true"}
pro: true
proxy: {metricsServer: {nodes: {enabled: true}, pods: {enabled: true}}}
`,
}

// Values for 0.20 on, whose schema refuses unknown keys. Not every version
// knows all of them: there both must refuse.
var newValues = map[string]string{
	"defaults":      "",
	"ingress":       "controlPlane: {ingress: {enabled: true, host: dev.example.com, spec: {ingressClassName: nginx}}, proxy: {extraSANs: [dev.example.com]}}\nexportKubeConfig: {server: \"https://dev.example.com\"}\n",
	"ha":            "controlPlane: {statefulSet: {highAvailability: {replicas: 3}}, backingStore: {etcd: {deploy: {enabled: true, statefulSet: {highAvailability: {replicas: 3}}}}}}\n",
	"embedded etcd": "controlPlane: {backingStore: {etcd: {embedded: {enabled: true}}}}\n",
	"no storage":    "controlPlane: {statefulSet: {persistence: {volumeClaim: {enabled: false}}}}\nserviceCIDR: 10.96.0.0/16\n",
	"k8s":           "controlPlane: {distro: {k8s: {enabled: true}}}\n",
	"k3s":           "controlPlane: {distro: {k3s: {enabled: true}}}\n",
	"k0s":           "controlPlane: {distro: {k0s: {enabled: true}}}\n",
	"sync": `sync:
  toHost: {ingresses: {enabled: true}, networkPolicies: {enabled: true}, persistentVolumes: {enabled: true}, storageClasses: {enabled: true}, volumeSnapshots: {enabled: true}, serviceAccounts: {enabled: true}, podDisruptionBudgets: {enabled: true}, priorityClasses: {enabled: true}}
  fromHost: {nodes: {enabled: true, selector: {all: true}}, ingressClasses: {enabled: true}, storageClasses: {enabled: true}}
`,
	"policies":   "policies: {resourceQuota: {enabled: true}, limitRange: {enabled: true}, networkPolicy: {enabled: true}, podSecurityStandard: baseline}\n",
	"rest":       "controlPlane: {serviceMonitor: {enabled: true, labels: {a: b}}, statefulSet: {labels: {x: y}, scheduling: {priorityClassName: high}}, coredns: {deployment: {replicas: 2}}}\nrbac: {clusterRole: {enabled: true}}\n",
	"unknown":    "controlPlaine: {}\n",
	"wrong type": "controlPlane: {statefulSet: {highAvailability: {replicas: many}}}\n",
	"removed":    "controlPlane: {advanced: {virtualScheduler: {enabled: true}}}\n",
}

func TestEveryUpstreamChartRendersAsHelmDoes(t *testing.T) {
	tc := newToolchain(t, embedded.Options{})
	for _, path := range upstream.All(t) {
		ch := chartFile(t, path)
		values := oldValues
		if hasSchema(ch.Name) {
			values = newValues
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			t.Run(ch.Name+"/"+name, func(t *testing.T) {
				files, err := sameAsHelm(t, tc, release(ch, values[name]))
				if err == nil && len(files) == 0 {
					t.Error("nothing was rendered")
				}
				if name == "defaults" && err != nil {
					t.Errorf("the defaults do not render: %v", err)
				}
			})
		}
	}
}

func hasSchema(name string) bool {
	version, ok := strings.CutPrefix(name, "vcluster-0.")
	return ok && !slices.Contains([]string{"4.3", "10.2", "19.7"}, version)
}

func benchmarkChart(b *testing.B, name string) {
	tc := newToolchain(b, embedded.Options{Workers: 1})
	ch := chartFile(b, filepath.Join(upstream.Charts(b), name+".tgz"))
	for b.Loop() {
		if _, err := tc.Template(b.Context(), release(ch, ""))[0].Get(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplate043(b *testing.B)  { benchmarkChart(b, "vcluster-0.4.3") }
func BenchmarkTemplate0361(b *testing.B) { benchmarkChart(b, "vcluster-0.36.1") }
