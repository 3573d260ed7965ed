package fleetwide

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/tree"
)

// modules is the file in which git has a repository's submodules, at its root.
const modules = ".gitmodules"

// The lines of .gitmodules that git submodule writes: nothing or a remark, a section, and a
// key with its value, which is in quotes where it has to be. In these alone a line is what
// it seems: git's syntax (git config's documentation, "Syntax") also lets a value go on in
// the next line, and a key stand behind its section.
var (
	moduleRemark  = regexp.MustCompile(`^[ \t]*([#;].*)?$`)
	moduleSection = regexp.MustCompile(`^[ \t]*\[[-.0-9A-Za-z]+([ \t]+"[^"\\]*")?\][ \t]*$`)
	moduleKey     = regexp.MustCompile(`^[ \t]*([A-Za-z][-0-9A-Za-z]*)[ \t]*(?:=[ \t]*(?:([^"\\#;]*)|"([^"\\]*)"[ \t]*))?$`)
)

// submodules returns a finding for each submodule in the clusters folder. Argo CD
// fetches them (its repo-server runs git submodule update --init --recursive),
// whether or not the working copy has them. Where there is no git, as in a container, the
// answer has to be the same, so git is not asked.
func (s Shared) submodules() (finding.List, error) {
	text, err := s.Repository().ReadFile(modules)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", modules, err)
	}
	return submodulesIn(s.Dir, string(text)), nil
}

// submodulesIn returns a finding for each line of .gitmodules that puts a submodule into the
// clusters folder dir, and for each that is not as git submodule writes it.
func submodulesIn(dir, text string) finding.List {
	var found finding.List
	tell := func(line int, message, hint string) {
		found = append(found, finding.Finding{File: modules, Line: line, Rule: tree.RuleSubmodule, Severity: finding.Error, Message: message, Hint: hint})
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		key := moduleKey.FindStringSubmatch(line)
		switch {
		case moduleRemark.MatchString(line), moduleSection.MatchString(line):
		case key == nil:
			tell(i+1, "the line is not one that git submodule writes: which folders are submodules cannot be told from it", "Write one key and its value in each line, without backslashes, or let git submodule add write the file.")
		case strings.EqualFold(key[1], "path") && deploys(dir, path.Clean(strings.TrimSpace(key[2]+key[3]))):
			tell(i+1, fmt.Sprintf("%s is a git submodule: Argo CD fetches what it holds, and this repository does not have it", path.Clean(strings.TrimSpace(key[2]+key[3]))),
				"Take the submodule out of the clusters folder. A chart can be one, outside of it.")
		}
	}
	return found
}

// deploys reports whether a path, from the repo's root, is of the clusters folder dir and
// not of a folder there that is left alone.
func deploys(dir, p string) bool {
	inside, below := strings.CutPrefix(p, dir+"/")
	return below && !strings.HasPrefix(inside, "_")
}
