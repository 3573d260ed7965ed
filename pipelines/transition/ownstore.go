package transition

import (
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// kine is k0s' own SQLite, which it keeps beside no etcd.
const kine = "kine"

// ownStore returns the store that the distro itself is given past vcluster's settings, and
// what names it: by an argument or a variable of k3s (docs.k3s.io/datastore), an argument
// of kube-apiserver, or the configuration of k0s. Both are empty where it is given none.
func ownStore(s Side) (store, name string) {
	distro := []string{"controlPlane", "distro"}
	in := func(path ...string) []string { return append(slices.Clone(distro), path...) }
	switch {
	case !current(s) && s.Chart.Name == "vcluster-k0s":
		return storeOfK0s(s, manifest.Text(s.Values, "config"), s.on("embeddedEtcd", "enabled"), []string{"vcluster", "baseArgs"}, []string{"vcluster", "extraArgs"})
	case !current(s):
		if source := datastore(s, []string{"vcluster", "env"}, []string{"vcluster", "extraArgs"}, []string{"vcluster", "baseArgs"}); source != "" {
			return externalDatabase, source
		}
		return etcdServers(s, []string{"api", "extraArgs"})
	case s.on(in("k3s", "enabled")...):
		if source := datastore(s, in("k3s", "env"), in("k3s", "extraArgs"), in("k3s", "command")); source != "" {
			return externalDatabase, source
		}
		return "", ""
	case s.on(in("k0s", "enabled")...):
		return storeOfK0s(s, manifest.Text(s.Values, in("k0s", "config")...), s.on("controlPlane", "backingStore", "etcd", "embedded", "enabled"), in("k0s", "command"), in("k0s", "extraArgs"))
	}
	return etcdServers(s, in("k8s", "apiServer", "extraArgs"), in("k8s", "apiServer", "command"))
}

// datastore returns the database that k3s is given, by its variable or its argument; empty
// where it is its own SQLite. The last of the arguments counts.
func datastore(s Side, env []string, lists ...[]string) string {
	for _, v := range manifest.Maps(s.Values, env...) {
		if v["name"] == "K3S_DATASTORE_ENDPOINT" {
			if text, ok := v["value"].(string); ok {
				return text
			}
			return "(elsewhere: " + short(v["valueFrom"]) + ")"
		}
	}
	for _, list := range lists {
		if all := arguments(s.Values, "--datastore-endpoint", list...); len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return ""
}

// etcdServers returns the etcd that kube-apiserver is given: each argument adds servers.
func etcdServers(s Side, lists ...[]string) (store, name string) {
	var all []string
	for _, list := range lists {
		all = append(all, arguments(s.Values, "--etcd-servers", list...)...)
	}
	if len(all) == 0 {
		return "", ""
	}
	return externalEtcd, strings.Join(all, ",")
}

// storeOfK0s returns the store of a k0s with a configuration of its own (spec.storage in
// docs.k0sproject.io/stable/configuration). Without one it runs an etcd, which vcluster
// calls its embedded database, or keeps a SQLite where it is a single node. A configuration
// that comes from valuesFrom names what nobody sees.
func storeOfK0s(s Side, config string, embedded bool, lists ...[]string) (store, name string) {
	if sealed(config) {
		return externalDatabase, config
	}
	var file struct {
		Spec struct {
			Storage *struct {
				Type string `json:"type"`
				Kine struct {
					DataSource string `json:"dataSource"`
				} `json:"kine"`
				Etcd struct {
					ExternalCluster struct {
						Endpoints  []string `json:"endpoints"`
						EtcdPrefix string   `json:"etcdPrefix"`
					} `json:"externalCluster"`
				} `json:"etcd"`
			} `json:"storage"`
		} `json:"spec"`
	}
	if yaml.Unmarshal([]byte(config), &file) != nil || file.Spec.Storage == nil {
		if slices.ContainsFunc(lists, func(list []string) bool { return slices.Contains(manifest.Texts(s.Values, list...), "--single") }) {
			return kine, ""
		}
		return "", ""
	}
	storage, external := file.Spec.Storage, file.Spec.Storage.Etcd.ExternalCluster
	source := storage.Kine.DataSource
	switch {
	case storage.Type == "kine" && (source == "" || strings.HasPrefix(source, "sqlite:")):
		return kine, source
	case storage.Type == "kine":
		return externalDatabase, source
	case len(external.Endpoints) == 0:
		return embeddedDatabase, ""
	case embedded:
		return "embedded-etcd", ""
	}
	return externalEtcd, strings.TrimSpace(strings.Join(external.Endpoints, ",") + " " + external.EtcdPrefix)
}

// arguments returns what a list of arguments gives a flag, each time, behind an equals
// sign or as the next argument.
func arguments(values map[string]any, flag string, path ...string) []string {
	var all []string
	texts := manifest.Texts(values, path...)
	for i, text := range texts {
		if value, found := strings.CutPrefix(text, flag+"="); found {
			all = append(all, value)
		} else if text == flag && i+1 < len(texts) {
			all = append(all, texts[i+1])
		}
	}
	return all
}

// argument returns the first of arguments; empty where the flag is not there.
func argument(values map[string]any, flag string, path ...string) string {
	if all := arguments(values, flag, path...); len(all) > 0 {
		return all[0]
	}
	return ""
}
