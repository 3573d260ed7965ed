package tree

import (
	"io/fs"
	"strings"

	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
)

// sharedFiles are a cluster's files outside its own folder, from the clusters
// folder: the Application and the sealed cluster Secret.
func sharedFiles(cluster string) []string {
	return []string{layout.Of("", cluster).Application(), layout.Of("", cluster).Registration()}
}

// owned says whether p, a path from the clusters folder, can be a generated
// file of the cluster. Lock files come from git, so from anyone: what they list
// is deleted and overwritten, and must not reach further than this.
func owned(cluster, p string) bool {
	if name, ok := strings.CutPrefix(p, layout.Root+"/"); ok && layout.InRoot(name, cluster) {
		return true
	}
	inside, ok := strings.CutPrefix(p, cluster)
	if ok {
		inside, ok = strings.CutPrefix(inside, "/")
	}
	if !ok || !fs.ValidPath(p) || inside == "" || strings.ContainsAny(p, "\\\x00") {
		return false
	}
	first, _, _ := strings.Cut(inside, "/")
	if first == layout.Spec || first == layout.Lock {
		return false
	}
	for rest := inside; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if part == ".git" || strings.HasPrefix(part, tempPrefix) {
			return false
		}
	}
	return true
}

// parents gives the folders above p that are below the top, outermost first:
// for a/b/c these are a and a/b.
func parents(p string) []string {
	var dirs []string
	for i, r := range p {
		if r == '/' {
			dirs = append(dirs, p[:i])
		}
	}
	return dirs
}

// blocked gives a path of files that another of them needs as a folder; empty
// where there is none. paths are all that f has.
func blocked(f manifest.Files, paths []string) string {
	for _, p := range paths {
		for i, c := range []byte(p) {
			if c != '/' {
				continue
			}
			if _, clash := f[p[:i]]; clash {
				return p[:i]
			}
		}
	}
	return ""
}
