package embedded

import (
	"runtime/debug"
	"sync"
)

var buildInfo = sync.OnceValue(func() map[string]string {
	versions := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		versions[module.Path] = module.Version
	}
	return versions
})

// moduleVersion gives the version that was linked, or "unknown" where the
// binary was built without that information, as a Bazel build may be.
func moduleVersion(path string) string {
	if v, ok := buildInfo()[path]; ok {
		return v
	}
	return "unknown"
}

// Versions gives the module version of each tool that is linked into the
// binary: helm, kubeseal, kubeconform.
func Versions() map[string]string {
	return map[string]string{
		"helm":        moduleVersion("helm.sh/helm/v3"),
		"kubeconform": moduleVersion("github.com/yannh/kubeconform"),
		"kubeseal":    moduleVersion("github.com/bitnami-labs/sealed-secrets"),
	}
}
