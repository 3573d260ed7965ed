package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/ignore"
)

const maxDepth = 64

// folderWalk reads a chart's folder as Helm's loader does: names in order
// folder by folder, .helmignore, links followed. Unlike Helm, it follows none
// out of the folder: such a link would carry a file of the machine, or .git,
// into what is deployed.
type folderWalk struct {
	ctx    context.Context
	root   *os.Root
	name   string
	rules  *ignore.Rules
	limits Limits

	files   []packedFile
	entries int
	size    int64
}

// readIgnore reads the folder's .helmignore and adds Helm's defaults.
func (w *folderWalk) readIgnore() error {
	w.rules = ignore.Empty()
	info, err := w.root.Stat(ignore.HelmIgnore)
	if err == nil && info.Mode().IsRegular() {
		data, err := readRegular(w.root, ignore.HelmIgnore, w.limits.File)
		if err != nil {
			return w.unusable(ignore.HelmIgnore, err)
		}
		if w.rules, err = ignore.Parse(bytes.NewReader(data)); err != nil {
			return pathProblem(path.Join(w.name, ignore.HelmIgnore), fmt.Sprintf("is not what Helm reads: %v", err), "Mend the pattern.")
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w.unusable(ignore.HelmIgnore, err)
	}
	w.rules.AddDefaults()
	return nil
}

func (w *folderWalk) dir(name string) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	if strings.Count(name, "/") > maxDepth {
		return w.tooMuch("folders %d deep; a symbolic link may run in a circle", maxDepth)
	}
	folder, err := w.root.Open(name)
	if err != nil {
		return w.unusable(name, err)
	}
	entries, err := folder.ReadDir(-1)
	if closeErr := folder.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return w.unusable(name, err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if w.entries++; w.entries > w.limits.Entries {
			return w.tooMuch("more files and folders than the limit of %d", w.limits.Entries)
		}
		if err := w.entry(path.Join(name, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (w *folderWalk) entry(name string) error {
	info, err := w.root.Stat(name)
	if err != nil {
		// Helm resolves links before it asks .helmignore; so an ignored link
		// out of the folder is refused too.
		return w.unusable(name, err)
	}
	if w.rules.Ignore(name, info) {
		return nil
	}
	if info.IsDir() {
		return w.dir(name)
	}
	if !info.Mode().IsRegular() {
		return pathProblem(path.Join(w.name, name), "is neither a file nor a folder", "Take it out of the chart's folder.")
	}
	data, err := readRegular(w.root, name, w.limits.File)
	if err != nil {
		return w.unusable(name, err)
	}
	if int64(len(data)) > w.limits.File {
		return w.tooMuch("a file, %s, larger than the limit of %d bytes", name, w.limits.File)
	}
	if w.size += int64(len(data)); w.size > w.limits.Uncompressed {
		return w.tooMuch("more than the limit of %d bytes", w.limits.Uncompressed)
	}
	w.files = append(w.files, packedFile{name: name, data: data})
	return nil
}

func (w *folderWalk) unusable(name string, err error) error {
	whole := path.Join(w.name, name)
	if escapes(err) {
		return &Problem{
			Rule: RuleSymlink, Field: "path",
			Message: fmt.Sprintf("%s is a symbolic link out of the chart's folder", whole),
			Hint:    "Put a copy of the file there; what a chart deploys must stand in its folder.",
		}
	}
	return unusablePath(whole, err)
}

func (w *folderWalk) tooMuch(format string, args ...any) *Problem {
	return &Problem{
		Rule: RuleArchive, Field: "path",
		Message: fmt.Sprintf("%s has %s", w.name, fmt.Sprintf(format, args...)),
		Hint:    "Leave out of the chart what it does not need, by a .helmignore.",
	}
}
