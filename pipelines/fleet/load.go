package fleet

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"kasou/pipelines/cache"
	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/nofollow"
	"kasou/pipelines/position"
)

// BootstrapEnd ends the name of the Application that deploys the bootstrap folder.
const BootstrapEnd = "-bootstrap"

// MaxFileSize is the largest fleet.yaml or spec.yaml that Load reads, in bytes.
const MaxFileSize = 1 << 20

// Option changes how Load works.
type Option func(*loader)

// SharedAlone makes Load read fleet.yaml and no cluster.
func SharedAlone() Option { return func(l *loader) { l.sharedAlone = true } }

// WithCache makes Load put into the file what each text says whose form has no fault. With
// take it takes all of them from there where the file has every one, byte for byte, and the
// fleet is Cached then. What they mean, also beside each other, is checked all the same.
// A nil file has nothing.
func WithCache(file *cache.File, take bool) Option {
	return func(l *loader) { l.cache, l.take = file, take }
}

// Listed makes Load ask list what is in a cluster's folder, by its path from root, where that
// knows it.
func Listed(list func(folder string) ([]fs.DirEntry, bool)) Option {
	return func(l *loader) { l.listed = list }
}

// Load reads fleet.yaml and every spec.yaml of the clusters folder dir
// (slash-separated, relative to root, which is absolute), applies all defaults
// and checks everything. The findings are all problems of all files, sorted;
// where one of them is an error, the fleet lacks what could not be read and is
// good for nothing but showing names. The error says that the folder itself
// could not be read. Nothing outside root is ever opened.
func Load(root, dir string, options ...Option) (*Fleet, finding.List, error) {
	dir = path.Clean(dir)
	if !filepath.IsAbs(root) || !fs.ValidPath(dir) || dir == "." {
		return nil, nil, fmt.Errorf("clusters folder %q of %q: it must be a folder below an absolute root", dir, root)
	}
	repo, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, fmt.Errorf("open the repo's root: %w", err)
	}
	defer repo.Close()
	folder, err := repo.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the clusters folder: %w", err)
	}
	defer folder.Close()
	top, err := folder.Open(".")
	if err != nil {
		return nil, nil, fmt.Errorf("open the clusters folder: %w", err)
	}
	defer top.Close()
	l := &loader{folder: folder, top: top, dir: dir, fleet: &Fleet{Root: root, Dir: dir, File: path.Join(dir, layout.Fleet)}}
	entries, err := l.list(".")
	if err != nil {
		return nil, nil, fmt.Errorf("list the clusters folder: %w", err)
	}
	for _, option := range options {
		option(l)
	}
	shared := l.fleetFile(entries)
	var specs []*source
	if !l.sharedAlone {
		specs = l.folders(entries)
	}
	l.parse(slices.DeleteFunc(append(slices.Clone(specs), shared), func(s *source) bool { return s == nil }))
	findings := slices.Concat(l.findings, l.fleet.assemble(shared, specs), readElsewhere(l.fleet))
	return l.fleet, tidy(findings), nil
}

// readElsewhere warns where Argo CD would read another folder of this repository than
// the one that is checked. The repository that it reads may be another, with another
// layout, so that it is no error.
func readElsewhere(f *Fleet) finding.List {
	other := path.Clean(f.Spec.Repository.Path)
	if other == f.Dir || f.Spec.Repository.Path == "" {
		return nil
	}
	// Without a folder root there Argo CD finds no Application.
	info, err := os.Stat(filepath.Join(f.Root, filepath.FromSlash(other), layout.Root))
	if err != nil || !info.IsDir() {
		return nil
	}
	return finding.List{f.Finding(finding.Warning, RuleRepository, []string{"spec", "repository", "path"},
		"spec.repository.path has Argo CD read "+quoted(other)+", and this is "+quoted(f.Dir)+": nothing in "+quoted(other)+" is checked here",
		"Write "+f.Dir+", or leave it out.")}
}

// loader walks the clusters folder.
type loader struct {
	// folder and top are the clusters folder.
	folder   *os.Root
	top      *os.File
	dir      string
	fleet    *Fleet
	findings finding.List
	// sharedAlone leaves the clusters' folders alone.
	sharedAlone bool
	// listed returns what is in folders; nil where they are to be looked into.
	listed func(folder string) ([]fs.DirEntry, bool)
	// cache has what texts say, and take allows to take that from there.
	cache *cache.File
	take  bool
}

// parse makes of the texts that were read what they say.
func (l *loader) parse(all []*source) {
	if l.take && l.cached(all) {
		l.fleet.Cached = true
		return
	}
	sideBySide(len(all), func(i int) {
		s := schemaOfSpec
		if all[i].cluster == "" {
			s = schemaOfFleet
		}
		parseSource(all[i], s())
		if all[i].raw != nil && len(all[i].findings) == 0 && !l.cache.Has(keyOf(all[i])) {
			l.cache.Put(keyOf(all[i]), all[i].raw)
		}
	})
}

// cached takes what the texts say from the cache, and reports whether that has all of them.
func (l *loader) cached(all []*source) bool {
	if slices.ContainsFunc(all, func(s *source) bool { return !l.cache.Has(keyOf(s)) }) {
		return false
	}
	var missed atomic.Bool
	sideBySide(len(all), func(i int) {
		all[i].document = position.Folded(bytes.TrimPrefix(all[i].data, byteOrderMark))
		if !l.cache.Get(keyOf(all[i]), &all[i].raw) {
			missed.Store(true)
		}
	})
	return !missed.Load()
}

func (l *loader) report(severity finding.Severity, rule finding.Rule, name, message, hint string) {
	f := finding.Finding{File: path.Join(l.dir, name), Rule: rule, Severity: severity, Message: message, Hint: hint}
	if cluster, _, below := strings.Cut(name, "/"); below {
		f.Cluster = cluster
	}
	l.findings = append(l.findings, f)
}

// fleetFile reads fleet.yaml; nil where there is none.
func (l *loader) fleetFile(entries []fs.DirEntry) *source {
	similar := lookalike(entries, layout.Fleet)
	if !has(entries, layout.Fleet) {
		hint := "Run kasou init."
		if similar != "" {
			hint = fmt.Sprintf("Rename %s to %s.", similar, layout.Fleet)
		}
		l.report(finding.Error, RuleMissingFile, layout.Fleet, "there is no "+layout.Fleet, hint)
		return nil
	}
	if similar != "" {
		l.report(finding.Warning, RuleFileName, similar, fmt.Sprintf("%s is not read: %s is", similar, layout.Fleet), "Remove it, or merge it into "+layout.Fleet+".")
	}
	data, ok := l.read(layout.Fleet)
	if !ok {
		return nil
	}
	return newSource(l.fleet.File, "", data)
}

// folders reads the spec.yaml of every folder that is a cluster's.
func (l *loader) folders(entries []fs.DirEntry) []*source {
	var names []string
	first := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		if name == layout.Fleet || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || !l.isFolder(e) {
			continue
		}
		if name == layout.Root || name == layout.Bootstrap {
			l.reservedFolder(name)
			continue
		}
		lower := strings.ToLower(name)
		if other, taken := first[lower]; taken {
			l.report(finding.Error, RuleFolderCase, name, fmt.Sprintf("the folders %s and %s differ in letter case alone", other, name),
				"Rename one: on many machines they are the same folder.")
		}
		first[lower] = name
		names = append(names, name)
	}
	return l.clusters(names)
}

// clusters reads the folders side by side, and keeps their order.
func (l *loader) clusters(names []string) []*source {
	specs, each := make([]*source, len(names)), make([]loader, len(names))
	sideBySide(len(names), func(i int) {
		each[i] = loader{folder: l.folder, top: l.top, dir: l.dir, fleet: &Fleet{}, listed: l.listed}
		specs[i] = each[i].cluster(names[i])
	})
	for i := range each {
		one := &each[i]
		l.findings = append(l.findings, one.findings...)
		l.fleet.Retired = append(l.fleet.Retired, one.fleet.Retired...)
	}
	return slices.DeleteFunc(specs, func(s *source) bool { return s == nil })
}

// isFolder passes real folders, ignores plain files, and reports the rest.
func (l *loader) isFolder(e fs.DirEntry) bool {
	switch {
	case e.IsDir():
		return true
	case e.Type().IsRegular():
		return false
	case e.Type()&fs.ModeSymlink != 0:
		if info, err := l.folder.Stat(e.Name()); err == nil && info.Mode().IsRegular() {
			return false
		}
		l.report(finding.Error, RuleNotRegular, e.Name(), "it is a symbolic link", "Put the folder itself here: links differ between machines.")
	default:
		l.report(finding.Error, RuleNotRegular, e.Name(), "it is neither a file nor a folder", "Remove it.")
	}
	return false
}

func (l *loader) reservedFolder(folder string) {
	name := path.Join(folder, layout.Spec)
	if _, err := l.folder.Lstat(name); err == nil {
		l.report(finding.Error, RuleReservedFolder, name, folder+"/ holds what kasou writes for Argo CD: no cluster can have that name",
			"Give the cluster another name, and move its folder.")
	}
}

// sideBySide calls work for every number below count, several at once.
func sideBySide(count int, work func(i int)) {
	var group sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), count) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	group.Wait()
}

// cluster reads one folder; nil where it holds no spec that can be read.
func (l *loader) cluster(name string) *source {
	file := path.Join(name, layout.Spec)
	entries, err := l.list(name)
	if err != nil {
		l.report(finding.Error, RuleUnreadable, name, "the folder cannot be listed: "+finding.Cause(err).Error(), "Look at its permissions.")
		return nil
	}
	similar := lookalike(entries, layout.Spec)
	switch {
	case has(entries, layout.Spec):
		if similar != "" {
			l.report(finding.Warning, RuleFileName, path.Join(name, similar), fmt.Sprintf("%s is not read: %s is", similar, layout.Spec), "Remove it, or merge it into "+layout.Spec+".")
		}
		data, ok := l.read(file)
		if !ok {
			return nil
		}
		return newSource(path.Join(l.dir, file), name, data)
	case similar != "":
		l.report(finding.Error, RuleMissingSpec, file, "there is no "+layout.Spec, fmt.Sprintf("Rename %s to %s.", similar, layout.Spec))
	case len(entries) == 0:
		// Git knows no empty folder; one stays where a run was killed.
	case has(entries, layout.Lock):
		l.fleet.Retired = append(l.fleet.Retired, name)
	default:
		l.report(finding.Error, RuleMissingSpec, file, "there is no "+layout.Spec,
			fmt.Sprintf("Write it with `kasou new %s`, remove the folder, or begin its name with _ if it is not a cluster.", name))
	}
	return nil
}

// list returns what is in a folder, sorted.
func (l *loader) list(name string) ([]fs.DirEntry, error) {
	if l.listed != nil {
		if entries, ok := l.listed(path.Join(l.dir, name)); ok {
			return entries, nil
		}
	}
	folder, err := nofollow.Folder(l.top, name)
	if err != nil {
		return fs.ReadDir(l.folder.FS(), name)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// read returns the content of a plain file of a bearable size. It looks before
// it opens: opening a pipe would wait, opening a device could do anything.
func (l *loader) read(name string) ([]byte, bool) {
	if data, err := nofollow.Read(l.top, name, MaxFileSize, nil); err == nil {
		return data, true
	}
	info, err := l.folder.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		l.report(finding.Error, RuleNotRegular, name, "it is "+describe(info.Mode()), "Put a plain file in its place.")
		return nil, false
	}
	var file *os.File
	if err == nil {
		file, err = l.folder.Open(name)
	}
	if err != nil {
		l.report(finding.Error, RuleUnreadable, name, "it cannot be read: "+finding.Cause(err).Error(), "Look at its permissions.")
		return nil, false
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	switch {
	case err != nil:
		l.report(finding.Error, RuleUnreadable, name, "it cannot be read: "+finding.Cause(err).Error(), "Try again, or restore it from git.")
		return nil, false
	case len(data) > MaxFileSize:
		l.report(finding.Error, RuleTooLarge, name, fmt.Sprintf("it is larger than %d bytes", MaxFileSize), "A cluster needs a few lines: is this the right file?")
		return nil, false
	}
	return data, true
}

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

func has(entries []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
}

// lookalike returns the name of an entry that a person may have meant to be
// name: in another letter case, or with the ending .yml.
func lookalike(entries []fs.DirEntry, name string) string {
	for _, e := range entries {
		if e.Name() != name && looksLike(e.Name(), name) {
			return e.Name()
		}
	}
	return ""
}

func looksLike(entry, name string) bool {
	return strings.EqualFold(entry, name) || strings.EqualFold(entry, strings.TrimSuffix(name, ".yaml")+".yml")
}
