package transition_test

import (
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/transition"
)

func object(kind, name string, spec map[string]any) transition.Object {
	return transition.Object{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}
}

// pods is a StatefulSet whose pod has the image.
func pods(image string, more ...any) transition.Object {
	spec := map[string]any{"template": map[string]any{"spec": map[string]any{
		"initContainers": []any{map[string]any{"name": "kubernetes", "image": image}},
	}}}
	for i := 0; i < len(more); i += 2 {
		spec[more[i].(string)] = more[i+1]
	}
	return object("StatefulSet", "dev", spec)
}

func side(change func(*transition.Side)) transition.Side {
	s := transition.Side{
		Name: "dev", Chart: transition.Chart{Name: "vcluster", Version: "0.30.0"}, Namespace: "dev", Server: "https://dev.example.com", ServiceCIDR: "10.96.0.0/16",
		Values:     map[string]any{"controlPlane": map[string]any{}},
		Objects:    []transition.Object{pods("ghcr.io/loft-sh/kubernetes:v1.33.4", "podManagementPolicy", "Parallel")},
		Registered: true,
	}
	change(&s)
	return s
}

func chart(name, version string) func(*transition.Side) {
	return func(s *transition.Side) { s.Chart = transition.Chart{Name: name, Version: version} }
}

func image(image string) func(*transition.Side) {
	return func(s *transition.Side) {
		s.Objects = []transition.Object{pods(image, "podManagementPolicy", "Parallel")}
	}
}

func stop(s *transition.Side) { s.Objects[0]["spec"].(map[string]any)["replicas"] = int64(0) }

// mounted has the control plane's volume claim mounted there.
func mounted(at, folder string) func(*transition.Side) {
	return func(s *transition.Side) {
		mount := map[string]any{"name": "data", "mountPath": at, "subPath": folder}
		container := map[string]any{"name": "syncer", "volumeMounts": []any{mount, map[string]any{"name": "tmp", "mountPath": "/tmp"}}}
		spec := s.Objects[0]["spec"].(map[string]any)
		spec["template"] = map[string]any{"spec": map[string]any{"containers": []any{container}}}
		spec["volumeClaimTemplates"] = []any{map[string]any{"metadata": map[string]any{"name": "data"}}}
	}
}

// deleted has the volume claims deleted with their StatefulSet.
func deleted(also func(*transition.Side)) func(*transition.Side) {
	return func(s *transition.Side) {
		also(s)
		s.Objects[0]["spec"].(map[string]any)["persistentVolumeClaimRetentionPolicy"] = map[string]any{"whenDeleted": "Delete"}
	}
}

func store(path ...string) func(*transition.Side) {
	return func(s *transition.Side) {
		value := any(true)
		for _, key := range slices.Backward(path) {
			value = map[string]any{key: value}
		}
		s.Values = map[string]any{"controlPlane": map[string]any{"backingStore": value}}
	}
}

func all(changes ...func(*transition.Side)) func(*transition.Side) {
	return func(s *transition.Side) {
		for _, change := range changes {
			change(s)
		}
	}
}

func host(name, namespace string) func(*transition.Side) {
	return func(s *transition.Side) { s.Host, s.Namespace = name, namespace }
}

func added(o transition.Object) func(*transition.Side) {
	return func(s *transition.Side) { s.Objects = append(slices.Clone(s.Objects), o) }
}

func ingress(host string) func(*transition.Side) {
	return ingressTo("dev", "dev", host)
}

// ingressTo is an Ingress of a name that leads a host to a Service.
func ingressTo(service, name, host string) func(*transition.Side) {
	o := object("Ingress", name, map[string]any{"rules": []any{map[string]any{
		"host": host, "http": map[string]any{"paths": []any{map[string]any{"path": "/", "backend": map[string]any{"service": map[string]any{"name": service}}}}},
	}}})
	o["apiVersion"] = "networking.k8s.io/v1"
	return added(o)
}

func route(host string) func(*transition.Side) {
	o := object("TLSRoute", "dev", map[string]any{"hostnames": []any{host}, "rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "dev"}}}}})
	o["apiVersion"] = "gateway.networking.k8s.io/v1"
	return added(o)
}

func service(kind string) func(*transition.Side) {
	return serviceOf("dev", "dev", kind)
}

// serviceOf is a Service of a name that has the pods of a release.
func serviceOf(release, name, kind string) func(*transition.Side) {
	o := object("Service", name, map[string]any{"type": kind, "selector": map[string]any{"release": release}})
	o["apiVersion"] = "v1"
	return added(o)
}

// labelled has the pods of the control plane be those of a release.
func labelled(release string) func(*transition.Side) {
	return func(s *transition.Side) {
		spec := map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"release": release, "app": "vcluster"}}}}
		s.Objects = []transition.Object{object("StatefulSet", "dev", spec)}
	}
}

func dialled(server string) func(*transition.Side) {
	return func(s *transition.Side) { s.Server = server }
}

// One line for each kind of step; want are EFFECT NAME, the worst first.
func TestCompare(t *testing.T) {
	same := func(*transition.Side) {}
	web, app, other := ingressTo("web", "web", "web.example.com"), serviceOf("web", "web", "LoadBalancer"), ingressTo("dev", "other", "b.example.com")
	named := transition.Object{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{"type": "LoadBalancer"},
		"metadata": map[string]any{"name": "dev", "annotations": map[string]any{"external-dns.alpha.kubernetes.io/hostname": "lb.example.com"}}}
	balancer := added(named)
	byDefault := object("Ingress", "dev", map[string]any{"defaultBackend": map[string]any{"service": map[string]any{"name": "dev"}}})
	byDefault["apiVersion"] = "networking.k8s.io/v1"
	everyName := added(byDefault)
	k3s, k8s, eks := image("rancher/k3s:v1.33.4-k3s1"), image("registry.k8s.io/kube-apiserver:v1.33.4"), image("public.ecr.aws/eks-distro/kubernetes/kube-apiserver:v1.33.4")
	for name, test := range map[string]struct {
		before, after func(*transition.Side)
		want          []string
	}{
		"nothing":                              {same, same, nil},
		"both ways in":                         {ingress("dev.example.com"), all(ingress("dev.example.com"), route("dev.example.com")), []string{"applied ", "applied "}},
		"both, by another name":                {ingress("dev.example.com"), all(ingress("dev.example.com"), route("gw.example.com"), dialled("https://gw.example.com")), []string{"credential-stale ", "applied ", "applied "}},
		"then the route alone":                 {all(ingress("dev.example.com"), route("dev.example.com")), route("dev.example.com"), []string{"objects-left "}},
		"before it is registered":              {all(ingress("dev.example.com"), route("gw.example.com")), all(route("gw.example.com"), dialled("https://gw.example.com")), []string{"unreachable endpoint", "objects-left ", "credential-stale "}},
		"after it is registered":               {all(ingress("dev.example.com"), route("gw.example.com"), dialled("https://gw.example.com")), all(route("gw.example.com"), dialled("https://gw.example.com")), []string{"objects-left "}},
		"the way in in one step":               {ingress("dev.example.com"), route("dev.example.com"), []string{"unreachable endpoint", "objects-left ", "applied "}},
		"no way in any more":                   {ingress("dev.example.com"), same, []string{"unreachable endpoint", "objects-left "}},
		"no way in, of another server":         {ingress("other.example.com"), same, []string{"objects-left "}},
		"a Service of another type":            {service("LoadBalancer"), service("NodePort"), []string{"unreachable endpoint", "applied "}},
		"an Ingress of its own app stays":      {all(ingress("dev.example.com"), web), web, []string{"unreachable endpoint", "objects-left "}},
		"a Service of its own app stays":       {all(ingress("dev.example.com"), app), app, []string{"unreachable endpoint", "objects-left "}},
		"a second Service of the API server":   {all(service("ClusterIP"), serviceOf("dev", "more", "LoadBalancer")), service("ClusterIP"), []string{"unreachable endpoint", "objects-left "}},
		"an Ingress for every name goes":       {everyName, same, []string{"unreachable endpoint", "objects-left "}},
		"an Ingress for every name takes over": {ingress("dev.example.com"), everyName, []string{"applied "}},
		"one of two Ingresses goes":            {all(ingress("dev.example.com"), other), other, []string{"unreachable endpoint", "objects-left "}},
		"the other of them goes":               {all(ingress("dev.example.com"), other), ingress("dev.example.com"), []string{"objects-left "}},
		"the Ingress has another host":         {ingress("dev.example.com"), ingress("b.example.com"), []string{"unreachable endpoint", "applied "}},
		"and the server, too":                  {ingress("dev.example.com"), all(ingress("b.example.com"), dialled("https://b.example.com")), []string{"credential-stale ", "applied "}},
		"a balancer of another name stays":     {all(ingress("dev.example.com"), balancer), balancer, []string{"unreachable endpoint", "objects-left "}},
		"a balancer goes, dialled by address":  {all(other, balancer, dialled("https://203.0.113.5")), all(other, dialled("https://203.0.113.5")), []string{"unreachable endpoint", "objects-left "}},
		"and stays, dialled by address":        {all(other, balancer, dialled("https://203.0.113.5")), all(balancer, dialled("https://203.0.113.5")), []string{"objects-left "}},
		"another host, and one way more":       {ingress("dev.example.com"), all(ingress("b.example.com"), service("LoadBalancer")), []string{"unreachable endpoint", "applied "}},
		"another host":                         {host("eu-1", "x"), host("https://us-1", "x"), []string{"empty-cluster host", "credential-stale "}},
		"the same host by another name":        {host("https://eu-1", "x"), all(host("eu-1", "x"), func(s *transition.Side) { s.SameHost = true }), []string{"applied "}},
		"and another namespace":                {host("https://eu-1", "x"), all(host("eu-1", "y"), func(s *transition.Side) { s.SameHost = true }), []string{"empty-cluster namespace", "credential-stale "}},
		"another host and namespace":           {host("eu-1", "x"), host("us-1", "y"), []string{"empty-cluster host", "empty-cluster namespace", "credential-stale "}},
		"an unknown host before":               {host("", "x"), host("us-1", "x"), nil},
		"a patch":                              {same, chart("vcluster", "0.30.4"), nil},
		"one minor":                            {same, chart("vcluster", "0.31.0"), nil},
		"two minors":                           {same, chart("vcluster", "0.32.0"), []string{"refused-by-vcluster chart"}},
		"a patch back":                         {chart("vcluster", "0.30.4"), same, []string{"refused-by-vcluster chart"}},
		"a minor back":                         {chart("vcluster", "0.31.0"), same, []string{"refused-by-vcluster chart"}},
		"a build of the same release":          {chart("vcluster", "0.30.0+a"), chart("vcluster", "0.30.0+b"), nil},
		"another chart":                        {chart("vcluster-k8s", "0.19.7"), chart("vcluster-k0s", "0.19.7"), []string{"refused-by-vcluster chart"}},
		"the chart that all became":            {chart("vcluster-k8s", "0.19.7"), chart("vcluster", "0.20.4"), nil},
		"somebody's own chart":                 {chart("mine", "1.0.0"), chart("mine", "9.0.0"), nil},

		"k3s to k8s, too old":    {all(k3s, chart("vcluster", "0.24.1")), all(k8s, chart("vcluster", "0.24.1")), []string{"refused-by-vcluster distro", "restart "}},
		"k3s to k8s, migrated":   {k3s, k8s, []string{"refused-by-vcluster distro", "restart "}},
		"k8s to k3s":             {k8s, k3s, []string{"refused-by-vcluster distro", "restart "}},
		"eks to k8s":             {eks, k8s, []string{"refused-by-vcluster distro", "restart "}},
		"an image of one distro": {k8s, image("ghcr.io/loft-sh/kubernetes:v1.33.4"), []string{"restart "}},

		"database to deployed etcd": {same, store("etcd", "deploy", "enabled"), []string{"data-lost store"}},
		"deployed etcd to database": {store("etcd", "deploy", "enabled"), same, []string{"data-lost store"}},
		"external etcd to external database": {store("etcd", "external", "enabled"), store("database", "external", "enabled"),
			[]string{"data-lost store"}},
		"database to embedded etcd, old": {chart("vcluster", "0.24.1"), all(chart("vcluster", "0.24.1"), store("etcd", "embedded", "enabled")), []string{"data-lost store"}},
		"database to deployed etcd, old": {chart("vcluster", "0.24.1"), all(chart("vcluster", "0.24.1"), store("etcd", "deploy", "enabled")), []string{"data-lost store"}},
		"values unknown":                 {func(s *transition.Side) { s.Values = nil }, store("etcd", "deploy", "enabled"), nil},

		"Kubernetes up":    {same, image("ghcr.io/loft-sh/kubernetes:v1.34.1"), []string{"kubernetes-moves ", "restart "}},
		"Kubernetes patch": {same, image("ghcr.io/loft-sh/kubernetes:v1.33.9"), []string{"restart "}},
		"Kubernetes jumps": {same, image("ghcr.io/loft-sh/kubernetes:v1.35.0"), []string{"refused-by-vcluster kubernetes", "restart "}},
		"Kubernetes back":  {same, image("ghcr.io/loft-sh/kubernetes:v1.32.9"), []string{"refused-by-vcluster kubernetes", "restart "}},

		"another namespace":  {same, func(s *transition.Side) { s.Namespace = "other" }, []string{"empty-cluster namespace", "credential-stale "}},
		"another range":      {same, func(s *transition.Side) { s.ServiceCIDR = "10.97.0.0/16" }, []string{"refused-by-vcluster service-cidr"}},
		"a range first":      {func(s *transition.Side) { s.ServiceCIDR = "" }, same, nil},
		"another server":     {same, func(s *transition.Side) { s.Server = "https://new.example.com" }, []string{"credential-stale "}},
		"not registered yet": {func(s *transition.Side) { s.Registered = false }, func(s *transition.Side) { s.Server = "https://new.example.com" }, nil},

		"an immutable field": {same, func(s *transition.Side) {
			s.Objects = []transition.Object{pods("ghcr.io/loft-sh/kubernetes:v1.33.4")}
		}, []string{"refused-by-api-server StatefulSet spec.podManagementPolicy"}},
		"an immutable field at its default": {func(s *transition.Side) {
			s.Objects = []transition.Object{pods("a", "podManagementPolicy", "OrderedReady")}
		}, func(s *transition.Side) { s.Objects = []transition.Object{pods("a")} }, []string{"applied "}},
		"a volume's size": {func(s *transition.Side) {
			s.Objects = []transition.Object{pods("a", "volumeClaimTemplates", []any{map[string]any{"spec": "5Gi"}})}
		}, func(s *transition.Side) {
			s.Objects = []transition.Object{pods("a", "volumeClaimTemplates", []any{map[string]any{"spec": "9Gi"}})}
		}, []string{"ignored "}},
		"an object less":   {func(s *transition.Side) { s.Objects = append(s.Objects, object("ConfigMap", "a", nil)) }, same, []string{"objects-left "}},
		"no control plane": {same, func(s *transition.Side) { s.Objects = nil }, []string{"empty-cluster workload", "objects-left "}},
		"a control plane of another name": {same, func(s *transition.Side) { s.Objects[0]["metadata"] = map[string]any{"name": "other"} },
			[]string{"empty-cluster workload", "objects-left ", "applied "}},
		"no pods":                                   {same, func(s *transition.Side) { s.Objects[0]["spec"].(map[string]any)["replicas"] = int64(0) }, []string{"unreachable replicas", "applied "}},
		"no pods, as before":                        {stop, stop, nil},
		"an older vcluster":                         {image("ghcr.io/loft-sh/vcluster-pro:0.30.0"), image("evil.example.com:5000/x/vcluster:v0.29.0"), []string{"refused-by-vcluster image", "restart "}},
		"a vcluster too new":                        {image("loftsh/vcluster:0.4.3"), image("loftsh/vcluster:0.6.0"), []string{"refused-by-vcluster image", "restart "}},
		"a patch of vcluster":                       {image("loftsh/vcluster:0.4.2"), image("loftsh/vcluster:0.4.3"), []string{"restart "}},
		"a patch of the chart, and an older image":  {image("loftsh/vcluster:0.30.0"), all(image("loftsh/vcluster:0.29.0"), chart("vcluster", "0.30.4")), []string{"refused-by-vcluster image", "restart "}},
		"a patch of the chart, and its image":       {image("loftsh/vcluster:0.30.0"), all(image("loftsh/vcluster:0.30.4"), chart("vcluster", "0.30.4")), []string{"restart "}},
		"an older vcluster, built for another base": {image("loftsh/vcluster:0.30.0-alpine"), image("loftsh/vcluster:0.29.0@sha256:" + strings.Repeat("a", 64)), []string{"refused-by-vcluster image", "restart "}},
		"a Service without its pods":                {all(labelled("dev"), service("ClusterIP")), all(labelled("dev"), serviceOf("other", "dev", "ClusterIP")), []string{"unreachable service", "applied "}},
		"pods without their Service":                {all(labelled("dev"), service("ClusterIP")), all(labelled("other"), service("ClusterIP")), []string{"unreachable service", "restart "}},
		"both with other labels":                    {all(labelled("dev"), service("ClusterIP")), all(labelled("other"), serviceOf("other", "dev", "ClusterIP")), []string{"restart ", "applied "}},
		"a Service that leads elsewhere":            {all(labelled("dev"), service("ClusterIP")), all(labelled("dev"), service("ExternalName")), []string{"unreachable service", "applied "}},
		"a Service of pods that are not rendered":   {service("ClusterIP"), serviceOf("other", "dev", "ClusterIP"), []string{"applied "}},
		"a volume elsewhere":                        {mounted("/data", ""), mounted("/other", ""), []string{"data-lost volume", "restart "}},
		"a folder of a volume":                      {mounted("/data", ""), mounted("/data", "new"), []string{"data-lost volume", "restart "}},
		"claims that go":                            {mounted("/data", ""), deleted(mounted("/data", "")), []string{"guard-lifted ", "applied "}},
		"another workload": {same, func(s *transition.Side) { s.Objects = []transition.Object{object("Deployment", "dev", nil)} },
			[]string{"data-lost workload", "objects-left ", "applied "}},
		"an object more": {same, func(s *transition.Side) { s.Objects = append(s.Objects, object("ConfigMap", "a", nil)) }, []string{"applied "}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range transition.Compare(side(test.before), side(test.after)) {
				got = append(got, c.Effect.String()+" "+c.Name)
				if c.Message == "" || c.Refused() && c.Hint == "" {
					t.Errorf("%+v says too little", c)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// want are the hops, then why the way ends.
func TestFindWay(t *testing.T) {
	available := []string{"0.19.7", "0.20.0", "0.20.4", "0.21.1", "0.22.0-rc.1", "0.22.0", "0.24.1", "0.25.0", "0.25.2", "0.26.0",
		"0.27.1", "0.28.0", "0.29.0", "0.30.4", "0.31.0", "0.32.1", "0.33.0", "0.34.0", "nonsense"}
	for name, test := range map[string]struct {
		chart, version, distro, to string
		want, stopped              string
	}{
		"patches and minors":   {"vcluster", "0.19.0", "k8s", "", "0.20.4 0.21.1 0.22.0", "vcluster 0.34.0 is there, and no 0.23 on the way to it"},
		"a patch, then minors": {"vcluster", "0.31.0", "k8s", "", "0.32.1 0.33.0 0.34.0", ""},
		"only a patch":         {"vcluster", "0.34.0-rc.1", "k8s", "", "0.34.0", ""},
		"the newest":           {"vcluster", "0.34.0", "k8s", "", "", ""},
		"newer than all":       {"vcluster", "0.99.0", "k8s", "", "", ""},
		"up to a version":      {"vcluster", "0.24.1", "k8s", "0.26.0", "0.25.2 0.26.0", ""},
		"up to a patch":        {"vcluster", "0.24.1", "k8s", "0.25.0", "0.25.0", ""},
		"k3s":                  {"vcluster", "0.30.4", "k3s", "", "0.31.0 0.32.1", "k3s is gone from 0.33 on"},
		"k3s at its end":       {"vcluster", "0.32.1", "k3s", "", "", "k3s is gone from 0.33 on"},
		"k0s":                  {"vcluster", "0.24.1", "k0s", "", "0.25.2", "k0s is gone from 0.26 on, and becomes no other distro"},
		"a chart that ended":   {"vcluster-k8s", "0.99.0", "k8s", "", "", ""},
		"one that ends":        {"vcluster-k8s", "0.19.7", "k8s", "0.19.7", "", ""},
		"somebody's own":       {"mine", "0.19.7", "", "", "0.34.0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := transition.FindWay(transition.Chart{Name: test.chart, Version: test.version}, available, test.to, func() string { return test.distro })
			if err != nil || strings.Join(got.Hops, " ") != test.want || got.Stopped != test.stopped || (got.Stopped == "") != (got.Hint == "") {
				t.Errorf("%+v, %v; want %s, %q", got, err, test.want, test.stopped)
			}
		})
	}
	got, err := transition.FindWay(transition.Chart{Name: "vcluster", Version: "0.24.0"}, available, "", func() string { return "k8s" })
	if err != nil || strings.Join(got.Next, " ") != "0.25.2 0.25.0 0.24.1" {
		t.Errorf("the next step leads to %q, %v", got.Next, err)
	}
	got, _ = transition.FindWay(transition.Chart{Name: "vcluster-k8s", Version: "0.19.6"}, []string{"0.19.6", "0.19.7"}, "", nil)
	if len(got.Hops) != 1 || !strings.Contains(got.Stopped, "ends with 0.19") {
		t.Errorf("%+v", got)
	}
	for _, version := range []string{"latest", ""} {
		if _, err := transition.FindWay(transition.Chart{Name: "vcluster", Version: version}, available, "", nil); err == nil {
			t.Errorf("%q passes for a version", version)
		}
	}
	if _, err := transition.FindWay(transition.Chart{Name: "vcluster", Version: "0.24.0"}, available, "latest", nil); err == nil {
		t.Error("latest passes for a version to go to")
	}
}
