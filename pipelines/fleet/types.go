// Package fleet reads clusters/fleet.yaml and clusters/*/spec.yaml: strictly,
// with positions, with the fleet's defaults applied, and checked one by one and
// against each other.
package fleet

import (
	"encoding/json"

	"kasou/pipelines/toolchain"
)

// The apiVersion and kinds of the files that a person writes.
const (
	APIVersion  = "kasou/v1"
	KindFleet   = "Fleet"
	KindCluster = "VirtualCluster"
)

// Metadata names a cluster.
type Metadata struct {
	// Name of the cluster: a DNS-1123 label, and the same as its folder's name.
	// It is also the Helm release's name.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=47,example=development"`
}

// ClusterFile is clusters/NAME/spec.yaml.
type ClusterFile struct {
	// APIVersion of the file's format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=kasou/v1"`
	// Kind of the file.
	Kind string `json:"kind" jsonschema:"enum=VirtualCluster"`
	// Metadata names the cluster.
	Metadata Metadata `json:"metadata"`
	// Spec says what the cluster is to be; what it leaves out comes from the
	// fleet's defaults.
	Spec ClusterSpec `json:"spec,omitempty"`
}

// ClusterSpec is what one virtual cluster is to be.
type ClusterSpec struct {
	// Class of fleet.yaml, whose fields hold for what the spec leaves out. Default: the
	// fleet's defaults alone.
	Class string `json:"class,omitempty" jsonschema:"minLength=1,example=small"`
	// Host is one of fleet.yaml's hosts, on which the cluster runs. Default: the fleet's
	// single host.
	Host string `json:"host,omitempty" jsonschema:"minLength=1,example=eu-1"`
	// Chart is the vcluster chart to render. Default: the chart in
	// charts/vcluster of this repository.
	Chart *Chart `json:"chart,omitempty"`
	// Namespace on the host cluster. Default: the cluster's name.
	Namespace string `json:"namespace,omitempty" jsonschema:"minLength=1"`
	// ShareNamespace allows this cluster to live in a namespace that other
	// clusters name too; each of them must say so.
	ShareNamespace bool `json:"shareNamespace,omitempty"`
	// ServiceCIDR is the host cluster's service range, one for each IP family,
	// joined by a comma where there are two; auto asks the host.
	// Default: the serviceCIDR of its host in fleet.yaml.
	ServiceCIDR string `json:"serviceCIDR,omitempty" jsonschema:"minLength=1,example=10.96.0.0/16,example=auto"`
	// Ingress makes the virtual cluster's API server reachable.
	Ingress *Ingress `json:"ingress,omitempty"`
	// Endpoint has the ways in to the virtual cluster's API server. While a cluster
	// moves from one to another, both serve.
	Endpoint *Endpoint `json:"endpoint,omitempty"`
	// Server is the https URL at which Argo CD reaches the virtual cluster's
	// API server; {name} in it is the cluster's name. Default: https:// and the
	// host of the endpoint: of the gateway, else of the load balancer, of the node port
	// with its port, or of the ingress.
	Server string `json:"server,omitempty" jsonschema:"minLength=1,example=https://dev.k8s.example.com"`
	// PodSecurity are the Pod Security admission levels of the namespace.
	PodSecurity *PodSecurity `json:"podSecurity,omitempty"`
	// Values are raw chart values, merged last over what kasou sets.
	Values map[string]any `json:"values,omitempty"`
	// ValuesFrom are chart values that must not stand in git. They reach sealed
	// Secrets alone, and need KASOU_SEAL_KEY.
	ValuesFrom []ValueFrom `json:"valuesFrom,omitempty" jsonschema:"minItems=1"`
	// ArgoCD says how Argo CD deploys the cluster.
	ArgoCD *ArgoCD `json:"argocd,omitempty"`
	// Retire says that the cluster is to leave: the next build lifts what guards
	// its Application and its cluster Secret, so that Argo CD prunes them once this
	// spec.yaml is deleted. Default: false.
	Retire bool `json:"retire,omitempty" jsonschema:"default=false"`
	// Allow names objects that the chart, or a manifest in the cluster's folder
	// extra, may bring although they are not of the cluster's own namespace.
	Allow []Allowed `json:"allow,omitempty" jsonschema:"minItems=1"`
	// Accept names steps that build and check refuse otherwise, because they break
	// the cluster that runs, lose its data or make another, empty one.
	Accept []AcceptedChange `json:"accept,omitempty" jsonschema:"minItems=1"`
}

// AcceptedChange is one step that is refused otherwise, and is meant: exactly this
// one.
type AcceptedChange struct {
	// Change is its name, as kasou plan shows it.
	Change string `json:"change" jsonschema:"minLength=1,example=distro"`
	// From is the value before.
	From string `json:"from" jsonschema:"example=k3s"`
	// To is the value after.
	To string `json:"to" jsonschema:"example=k8s"`
}

// Allowed is a kind of object that a cluster may bring to the host, beyond
// those of its own namespace.
type Allowed struct {
	// Group is the API group of the kind. Default: the core group.
	Group string `json:"group,omitempty" jsonschema:"minLength=1,example=scheduling.k8s.io"`
	// Kind of the object.
	Kind string `json:"kind" jsonschema:"minLength=1,example=PriorityClass"`
	// Namespace of the object, where it is another than the cluster's own.
	Namespace string `json:"namespace,omitempty" jsonschema:"minLength=1"`
	// Name of the object. Default: any.
	Name string `json:"name,omitempty" jsonschema:"minLength=1"`
}

// Chart names a Helm chart: by repository, name and version, or by a path.
type Chart struct {
	// Repository is an http(s) chart repository, or an OCI registry and
	// repository without the chart's name: oci://registry/repository.
	Repository string `json:"repository,omitempty" jsonschema:"pattern=^(https?|oci)://.+,example=https://charts.loft.sh,example=oci://ghcr.io/acme/charts"`
	// Name of the chart in the repository.
	Name string `json:"name,omitempty" jsonschema:"minLength=1,example=vcluster"`
	// Version of the chart: exact, no range.
	Version string `json:"version,omitempty" jsonschema:"minLength=1,example=0.4.3"`
	// Path of a chart folder or .tgz, from the repo's root, instead of the
	// other three.
	Path string `json:"path,omitempty" jsonschema:"minLength=1,example=charts/vcluster"`
}

// ValueFrom is one chart value, and where it comes from: either env or secret.
type ValueFrom struct {
	// Path of the value in the chart's values: keys joined by dots, or, where a
	// key has a dot in it, a JSON pointer such as /a.b/c.
	Path string `json:"path" jsonschema:"minLength=1,example=controlPlane.backingStore.database.external.dataSource"`
	// Env names an environment variable of the run: one that begins with
	// KASOU_VALUE_, or that fleet.yaml allows in valuesFrom.allow.
	Env string `json:"env,omitempty" jsonschema:"minLength=1,example=KASOU_VALUE_DATABASE"`
	// Secret is a key of a Secret on the host cluster, in the cluster's own
	// namespace, or of one that fleet.yaml allows in valuesFrom.allow.
	Secret *SecretKey `json:"secret,omitempty"`
}

// SecretKey is one key of a Secret on the host cluster.
type SecretKey struct {
	// Namespace of the Secret. Default: the cluster's namespace.
	Namespace string `json:"namespace,omitempty" jsonschema:"minLength=1"`
	// Name of the Secret.
	Name string `json:"name" jsonschema:"minLength=1,example=database"`
	// Key in the Secret.
	Key string `json:"key" jsonschema:"minLength=1,example=dataSource"`
}

// Ingress is the way in to the virtual cluster's API server.
type Ingress struct {
	// Enabled creates an Ingress on the host cluster. Default: false.
	Enabled *bool `json:"enabled,omitempty" jsonschema:"default=false"`
	// Host is the DNS name; it also becomes a SAN of the API server's
	// certificate. {name} in it is the cluster's name.
	Host string `json:"host,omitempty" jsonschema:"minLength=1,example=dev.k8s.example.com"`
	// ClassName is the IngressClass.
	ClassName string `json:"className,omitempty" jsonschema:"minLength=1,example=nginx"`
	// Annotations of the Ingress. They replace the chart's default ones key by
	// key.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Endpoint has the ways in to the virtual cluster's API server. Each is in use where it
// has a host, unless it says enabled: false.
type Endpoint struct {
	// Ingress of the host cluster. Its fields are laid over those of spec.ingress.
	Ingress *Ingress `json:"ingress,omitempty"`
	// Gateway makes a TLSRoute of the Gateway API, for a Gateway that passes TLS through.
	Gateway *GatewayEndpoint `json:"gateway,omitempty"`
	// LoadBalancer makes the Service one of that type.
	LoadBalancer *LoadBalancerEndpoint `json:"loadBalancer,omitempty"`
	// NodePort makes the Service one of that type.
	NodePort *NodePortEndpoint `json:"nodePort,omitempty"`
	// DNS makes a DNSEndpoint, by which ExternalDNS publishes the hosts that it does not
	// learn from an object.
	DNS *EndpointDNS `json:"dns,omitempty"`
}

// GatewayEndpoint is a way in by a Gateway.
type GatewayEndpoint struct {
	// Enabled opens this way in. Default: true where there is a host.
	Enabled *bool `json:"enabled,omitempty"`
	// Host is the DNS name; it also becomes a SAN of the API server's certificate.
	// {name} in it is the cluster's name.
	Host string `json:"host,omitempty" jsonschema:"minLength=1,example=dev.k8s.example.com"`
	// ParentRefs are the Gateways that the route belongs to.
	ParentRefs []ParentRef `json:"parentRefs,omitempty" jsonschema:"minItems=1"`
	// Annotations of the TLSRoute.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ParentRef names a listener of a Gateway.
type ParentRef struct {
	// Name of the Gateway.
	Name string `json:"name" jsonschema:"minLength=1,example=public"`
	// Namespace of the Gateway. Default: the cluster's.
	Namespace string `json:"namespace,omitempty" jsonschema:"minLength=1,example=gateways"`
	// SectionName of the listener. Default: all that allow the route.
	SectionName string `json:"sectionName,omitempty" jsonschema:"minLength=1,example=tls-passthrough"`
	// Port of the listener. Default: all that allow the route.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
}

// LoadBalancerEndpoint is a way in by a Service of type LoadBalancer.
type LoadBalancerEndpoint struct {
	// Enabled opens this way in. Default: true where there is a host.
	Enabled *bool `json:"enabled,omitempty"`
	// Host is the DNS name, or the address, of the load balancer; it also becomes a SAN of
	// the API server's certificate. {name} in it is the cluster's name.
	Host string `json:"host,omitempty" jsonschema:"minLength=1,example=dev.k8s.example.com"`
	// Annotations of the Service, for the load balancer's controller.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// NodePortEndpoint is a way in by a port of the host's nodes.
type NodePortEndpoint struct {
	// Enabled opens this way in. Default: true where there is a host.
	Enabled *bool `json:"enabled,omitempty"`
	// Host is a DNS name, or an address, of the nodes; it also becomes a SAN of the API
	// server's certificate. {name} in it is the cluster's name.
	Host string `json:"host,omitempty" jsonschema:"minLength=1,example=nodes.example.com"`
	// Port of the nodes.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535,example=30443"`
}

// EndpointDNS is what ExternalDNS is to publish.
type EndpointDNS struct {
	// Targets are the addresses, or the one DNS name, that the hosts lead to.
	Targets []string `json:"targets" jsonschema:"minItems=1,example=203.0.113.10"`
	// TTL of the records in seconds. Default: the provider's.
	TTL int `json:"ttl,omitempty" jsonschema:"minimum=1"`
}

// PodSecurity are the levels of Pod Security admission, each privileged,
// baseline or restricted.
type PodSecurity struct {
	// Enforce rejects pods that violate the level.
	Enforce string `json:"enforce,omitempty" jsonschema:"enum=privileged,enum=baseline,enum=restricted"`
	// Audit records violations in the audit log.
	Audit string `json:"audit,omitempty" jsonschema:"enum=privileged,enum=baseline,enum=restricted"`
	// Warn warns the person who creates such a pod.
	Warn string `json:"warn,omitempty" jsonschema:"enum=privileged,enum=baseline,enum=restricted"`
}

// ArgoCD says how Argo CD deploys one cluster.
type ArgoCD struct {
	// Project is the AppProject; one of the fleet's argocd.projects.
	// Default: the first of them.
	Project string `json:"project,omitempty" jsonschema:"minLength=1"`
	// Automated syncs without a person, and heals what was changed by hand on
	// the cluster. Default: true.
	Automated *bool `json:"automated,omitempty" jsonschema:"default=true"`
	// Deletion says what becomes of the virtual cluster when its Application is
	// deleted: orphan leaves it running, cascade deletes it with everything in
	// it. Default: orphan.
	Deletion string `json:"deletion,omitempty" jsonschema:"enum=orphan,enum=cascade,default=orphan"`
	// Cluster says how Argo CD knows the virtual cluster once it is registered:
	// what goes into its cluster Secret.
	Cluster *ArgoCDCluster `json:"cluster,omitempty"`
}

// ArgoCDCluster is what a spec can say of its Argo CD cluster Secret. Name,
// server and credentials are not for it to say.
type ArgoCDCluster struct {
	// Labels of the Secret, by which the cluster generator of an ApplicationSet
	// selects clusters.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the Secret, which an ApplicationSet can read.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Project that alone may deploy to the cluster; one of the fleet's
	// argocd.projects. Default: any project whose destinations allow it.
	Project string `json:"project,omitempty" jsonschema:"minLength=1"`
	// Namespaces of the virtual cluster that Argo CD is bound to. Default: all.
	Namespaces []string `json:"namespaces,omitempty" jsonschema:"minItems=1"`
	// ClusterResources lets Argo CD manage objects without a namespace even
	// where it is bound to namespaces. Default: false.
	ClusterResources *bool `json:"clusterResources,omitempty" jsonschema:"default=false"`
}

// FleetFile is clusters/fleet.yaml.
type FleetFile struct {
	// APIVersion of the file's format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=kasou/v1"`
	// Kind of the file.
	Kind string `json:"kind" jsonschema:"enum=Fleet"`
	// Spec says what all clusters share.
	Spec FleetSpec `json:"spec"`
}

// FleetSpec is what all clusters share.
type FleetSpec struct {
	// Repository is the git repository that Argo CD reads.
	Repository Repository `json:"repository"`
	// ArgoCD is the Argo CD that deploys the fleet.
	ArgoCD FleetArgoCD `json:"argocd,omitempty"`
	// Host is the cluster that the virtual clusters run on, but for those whose spec
	// names one of hosts. Required where there are no hosts.
	Host Host `json:"host,omitempty"`
	// Hosts are more clusters that virtual clusters run on, by their names, each with the
	// fields of host: a spec takes one by spec.host.
	Hosts map[string]Host `json:"hosts,omitempty"`
	// Sealing says with which certificate secrets are sealed, and which signatures count.
	Sealing *Sealing `json:"sealing,omitempty"`
	// Toolchain says what the containers of `--toolchain dagger` are made of.
	Toolchain *Toolchain `json:"toolchain,omitempty"`
	// Helm is the major version of Helm that renders the charts. Default: 3. Before
	// moving, see what would change: kasou plan --helm 4.
	Helm toolchain.HelmMajor `json:"helm,omitempty" jsonschema:"enum=3,enum=4"`
	// ValuesFrom says where specs may take values from, beside places of their own.
	ValuesFrom *FleetValuesFrom `json:"valuesFrom,omitempty"`
	// Drift says what `kasou drift --live` lets others do on the host.
	Drift *FleetDrift `json:"drift,omitempty"`
	// Accept names changes of this file that build and check refuse otherwise, because
	// Argo CD reads from somewhere else then, or another Argo CD, or app of apps, does.
	Accept []AcceptedChange `json:"accept,omitempty" jsonschema:"minItems=1"`
	// Silence leaves notes and warnings out that the fleet has looked at.
	Silence []Silence `json:"silence,omitempty" jsonschema:"minItems=1"`
	// Schemas are of custom resources, beyond those that kasou has: JSON schema
	// files, CustomResourceDefinitions in YAML, or folders of either, from the
	// repo's root.
	Schemas []string `json:"schemas,omitempty"`
	// Rings say in which order kasou upgrade moves the clusters to a newer chart.
	// Default: all at once.
	Rings []Ring `json:"rings,omitempty" jsonschema:"minItems=1"`
	// Defaults hold for any field that a cluster's spec leaves out, and its class, too.
	Defaults *ClusterSpec `json:"defaults,omitempty"`
	// Classes are parts of specs by their names: a spec takes one by spec.class.
	Classes map[string]Class `json:"classes,omitempty"`
}

// Class is what the clusters of one class have in common, for any field that their
// specs leave out.
type Class struct {
	// Extends is the class that this one is laid over.
	Extends string `json:"extends,omitempty" jsonschema:"minLength=1"`
	ClusterSpec
}

// FleetDrift says what `kasou drift --live` lets others do on the host.
type FleetDrift struct {
	// Managers may add fields to the fleet's objects. What any other adds is
	// drift. Argo CD, and what Kubernetes' own controllers record, need no entry.
	Managers []FieldManager `json:"managers,omitempty" jsonschema:"minItems=1"`
}

// Silence leaves the notes and warnings of one rule out. Errors are never left out.
type Silence struct {
	// Rule, as it stands in brackets behind a finding.
	Rule string `json:"rule" jsonschema:"minLength=1,example=render-lookup"`
	// Reason for whoever reads this later.
	Reason string `json:"reason" jsonschema:"minLength=1"`
	// Clusters whose findings are left out; what belongs to no cluster stays.
	// Default: all, and what belongs to none.
	Clusters []string `json:"clusters,omitempty" jsonschema:"minItems=1"`
}

// FieldManager is somebody who may add fields to objects.
type FieldManager struct {
	// Name of the field manager, as metadata.managedFields has it.
	Name string `json:"name" jsonschema:"minLength=1,example=kube-controller-manager"`
	// Kinds of the objects. Default: any.
	Kinds []string `json:"kinds,omitempty" jsonschema:"minItems=1,example=StatefulSet"`
	// Fields that it may add, with all below them, as a drift report names them:
	// [] stands for any element of a list. Default: any.
	Fields []string `json:"fields,omitempty" jsonschema:"minItems=1,example=spec.replicas,example=spec.template.spec.containers[].env"`
}

// FleetValuesFrom says where specs may take values from, beside places of their
// own.
type FleetValuesFrom struct {
	// Allow lists sources beyond a cluster's own. Its own are the environment
	// variables that begin with KASOU_VALUE_, and the Secrets of its namespace but
	// for vc-* and cluster-*, which are credentials.
	Allow []AllowedSource `json:"allow,omitempty" jsonschema:"minItems=1"`
}

// AllowedSource is one place that specs may take a value from: either env or
// secret.
type AllowedSource struct {
	// Env names an environment variable of the run.
	Env string `json:"env,omitempty" jsonschema:"minLength=1,example=SHARED_DATABASE"`
	// Secret is one on the host cluster, in another namespace than the cluster's.
	Secret *AllowedSecret `json:"secret,omitempty"`
	// Clusters that may take it. Default: all.
	Clusters []string `json:"clusters,omitempty" jsonschema:"minItems=1"`
}

// AllowedSecret is a Secret on the host cluster, with all of its keys.
type AllowedSecret struct {
	// Namespace of the Secret.
	Namespace string `json:"namespace" jsonschema:"minLength=1,example=databases"`
	// Name of the Secret.
	Name string `json:"name" jsonschema:"minLength=1,example=shared"`
}

// Repository is the git repository that Argo CD reads.
type Repository struct {
	// URL of the repository, as Argo CD knows it.
	URL string `json:"url" jsonschema:"minLength=1,example=https://github.com/acme/platform.git"`
	// Revision is the branch or tag that Argo CD follows. Default: HEAD.
	Revision string `json:"revision,omitempty" jsonschema:"minLength=1,default=HEAD"`
	// Path of the clusters folder in the repository. Default: the same as in
	// this working copy.
	Path string `json:"path,omitempty" jsonschema:"minLength=1,example=clusters"`
}

// FleetArgoCD is the Argo CD that deploys the fleet.
type FleetArgoCD struct {
	// Namespace that Argo CD and its Applications live in. Default: argocd.
	Namespace string `json:"namespace,omitempty" jsonschema:"minLength=1,default=argocd"`
	// Name of the app of apps, and of the AppProject that it belongs to.
	// Default: kasou.
	Name string `json:"name,omitempty" jsonschema:"minLength=1,default=kasou"`
	// Projects that specs may name: the name of an AppProject that people keep,
	// or {name: NAME, generated: true} for one that kasou writes. Default:
	// [default].
	Projects []Project `json:"projects,omitempty" jsonschema:"minItems=1"`
	// Destination is the API server of the fleet's single host, as Argo CD knows it;
	// host.destination says the same.
	// Default: https://kubernetes.default.svc, the cluster Argo CD runs in.
	Destination string `json:"destination,omitempty" jsonschema:"minLength=1,default=https://kubernetes.default.svc"`
	// Context of the kubeconfig that leads to the cluster that Argo CD runs in. Default:
	// that of the host which is the same cluster.
	Context string `json:"context,omitempty" jsonschema:"minLength=1,example=management"`
	// Sealing names the certificate of the cluster that Argo CD runs in, with which
	// registrations are sealed. Default: the fleet's sealing.certificate, or that of the
	// host which is the same cluster.
	Sealing *HostSealing `json:"sealing,omitempty"`
}

// Project is an AppProject that specs may name. In YAML it is its name alone
// where it is not generated.
type Project struct {
	// Name of the AppProject.
	Name string `json:"name" jsonschema:"minLength=1,example=tenants"`
	// Generated makes kasou write the AppProject, which lets through what the
	// fleet deploys by it and nothing else. Default: false.
	Generated bool `json:"generated,omitempty" jsonschema:"default=false"`
}

// UnmarshalJSON reads a name, or an object.
func (p *Project) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &p.Name)
	}
	type plain Project
	return json.Unmarshal(data, (*plain)(p))
}

// ProjectNames returns the names of the projects, in their order.
func (a FleetArgoCD) ProjectNames() []string {
	names := make([]string, len(a.Projects))
	for i, p := range a.Projects {
		names[i] = p.Name
	}
	return names
}

// Host is a cluster that virtual clusters run on.
type Host struct {
	// KubernetesVersion of the host: manifests are rendered and validated for it. 1.34 and
	// v1.34.0 are 1.34.0, and so it is read.
	KubernetesVersion string `json:"kubernetesVersion" jsonschema:"pattern=^v?1\\.[0-9]+(\\.[0-9]+)?$,example=1.34.1"`
	// ServiceCIDR is the host's service range, one for each IP family, joined
	// by a comma where there are two; auto asks the host.
	ServiceCIDR string `json:"serviceCIDR,omitempty" jsonschema:"minLength=1,example=10.96.0.0/16,example=auto"`
	// Destination is the host as Argo CD knows it. Default: the cluster that Argo CD runs
	// in; of the single host, what argocd.destination says.
	Destination *Destination `json:"destination,omitempty"`
	// SameAs are other servers and names by which Argo CD knows, or has known, this very
	// cluster: a virtual cluster that goes from one of them to destination does not move.
	SameAs []string `json:"sameAs,omitempty" jsonschema:"minItems=1,uniqueItems=true,example=https://10.0.3.7:6443"`
	// Sealing names the certificate of the host's Sealed Secrets controller, with which
	// the Secrets are sealed that the charts render. Default: of the single host, the
	// fleet's sealing.certificate; of the cluster that Argo CD runs in, Argo CD's; else
	// none.
	Sealing *HostSealing `json:"sealing,omitempty"`
	// Context of the kubeconfig that leads to the host. Default: the host's name; of the
	// single host, the current context, or --host-context.
	Context string `json:"context,omitempty" jsonschema:"minLength=1,example=eu-1"`
}

// Destination is a cluster as Argo CD knows it: by its server or by its name.
type Destination struct {
	// Server is the URL of its API server, as `argocd cluster list` shows it.
	Server string `json:"server,omitempty" jsonschema:"minLength=1,example=https://10.0.3.7:6443"`
	// Name that Argo CD has for it.
	Name string `json:"name,omitempty" jsonschema:"minLength=1,example=eu-1"`
}

// HostSealing names the sealing certificate of one cluster.
type HostSealing struct {
	// Certificate is a PEM file, from the clusters folder.
	Certificate string `json:"certificate" jsonschema:"minLength=1,example=eu-1.crt"`
	// MaxAge is how old a value sealed with it may grow before it is sealed anew with a
	// renewed certificate. Default: the fleet's sealing.maxAge.
	MaxAge string `json:"maxAge,omitempty" jsonschema:"minLength=1,example=30d"`
	// Controller is the Service of the Sealed Secrets controller, NAMESPACE/NAME. Default:
	// the fleet's sealing.controller.
	Controller string `json:"controller,omitempty" jsonschema:"pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9-]*[a-z0-9])?$,example=sealed-secrets/sealed-secrets"`
}

// Sealing says with which certificate secrets are sealed, and which signatures count.
type Sealing struct {
	// Certificate is a PEM file, from the clusters folder: that of the single host's
	// controller, and of Argo CD's cluster where argocd.sealing names no other. Required
	// where argocd.sealing is not there.
	Certificate string `json:"certificate,omitempty" jsonschema:"minLength=1,example=sealed-secrets.crt"`
	// MaxAge is how old a sealed value may grow before it is sealed anew with a
	// renewed certificate, as a Go duration, with days: 30d. Default: 720h.
	MaxAge string `json:"maxAge,omitempty" jsonschema:"minLength=1,default=720h"`
	// Controller is the Service of the Sealed Secrets controller, NAMESPACE/NAME, which
	// `kasou lock --certificate` and `kasou drift --live` ask for its certificate. Default:
	// sealed-secrets-controller or sealed-secrets in the namespace kube-system.
	Controller string `json:"controller,omitempty" jsonschema:"pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9-]*[a-z0-9])?$,example=sealed-secrets/sealed-secrets"`
	// PublicKey is the public half of KASOU_SEAL_KEY, as `kasou lock --seal-key`
	// shows it: what is sealed counts only with a signature of that key. While
	// one key replaces another there are two, joined by a comma.
	PublicKey string `json:"publicKey,omitempty" jsonschema:"minLength=1,example=ed25519:m9m5mBGdQnE0dXLJ0nG9i0mLrPVCEJnuL3hUpBmW9n0="`
}

// Toolchain says what the containers of `--toolchain dagger` are made of.
// Default: each tool is built from its Go module, in the version that kasou
// holds in itself.
type Toolchain struct {
	// Helm replaces the helm command.
	Helm *Tool `json:"helm,omitempty"`
	// Kubeseal replaces the kubeseal command.
	Kubeseal *Tool `json:"kubeseal,omitempty"`
	// Kubeconform replaces the kubeconform command.
	Kubeconform *Tool `json:"kubeconform,omitempty"`
}

// Tool replaces one command by an image.
type Tool struct {
	// Image is a container image with the command, by digest: NAME@sha256:… .
	Image string `json:"image" jsonschema:"minLength=1,example=registry.example.com/helm@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
}

// Images returns the image for each tool that has one: helm, kubeseal,
// kubeconform. It may be called on nil.
func (t *Toolchain) Images() map[string]string {
	images := map[string]string{}
	if t == nil {
		return images
	}
	for name, tool := range map[string]*Tool{"helm": t.Helm, "kubeseal": t.Kubeseal, "kubeconform": t.Kubeconform} {
		if tool != nil && tool.Image != "" {
			images[name] = tool.Image
		}
	}
	return images
}
