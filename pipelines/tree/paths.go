package tree

import (
	"io/fs"
	"strings"

	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// owned reports whether p, a path from the clusters folder, can be a generated
// file of the cluster. Lock files come from git, so from anyone: what they list
// is deleted and overwritten, and must not reach further than this. Whoever can
// write a lock can write the digest of a person's file into it, too: in the
// cluster's folder only values.yaml and manifests/ are kasou's.
func owned(cluster, p string) bool {
	if name, ok := strings.CutPrefix(p, layout.Root+"/"); ok && layout.InRoot(name, cluster) {
		return true
	}
	inside, ok := strings.CutPrefix(p, cluster+"/")
	if !ok || !fs.ValidPath(p) || inside == "" || strings.ContainsAny(p, "\\\x00") {
		return false
	}
	if inside != layout.Values && !strings.HasPrefix(inside, layout.Manifests+"/") {
		return false
	}
	for part := range strings.SplitSeq(inside, "/") {
		if part == ".git" || strings.HasPrefix(part, disk.TempPrefix) {
			return false
		}
	}
	return true
}

// bootstraps reports whether p, a path from the clusters folder, can be a generated
// file that is one for all.
func bootstraps(p string) bool {
	name, ok := strings.CutPrefix(p, layout.Bootstrap+"/")
	return ok && name != "" && fs.ValidPath(p) && !strings.ContainsAny(name, "/\\\x00") && !strings.HasPrefix(name, disk.TempPrefix)
}

// blocked returns a path of files that another of them needs as a folder; empty
// where there is none. paths are all that f has.
func blocked(f manifest.Files, paths []string) string {
	for _, p := range paths {
		for i := range p {
			if _, clash := f[p[:i]]; clash && p[i] == '/' {
				return p[:i]
			}
		}
	}
	return ""
}
