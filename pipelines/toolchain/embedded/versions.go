package embedded

import (
	"runtime/debug"
	"sync"

	"kasou/pipelines/toolchain"
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

// moduleVersion returns the version that was linked, or "unknown" where the
// binary was built without that information, as a Bazel build may be.
func moduleVersion(path string) string {
	if v, ok := buildInfo()[path]; ok {
		return v
	}
	return "unknown"
}

// Versions returns the module version of each tool that is linked into the
// binary: helm, which is Helm 3 or 4, kubeseal, kubeconform.
func Versions(helm toolchain.HelmMajor) map[string]string {
	return map[string]string{
		"helm":        moduleVersion(helm.Module()),
		"kubeconform": moduleVersion("github.com/yannh/kubeconform"),
		"kubeseal":    moduleVersion("github.com/bitnami-labs/sealed-secrets"),
	}
}
