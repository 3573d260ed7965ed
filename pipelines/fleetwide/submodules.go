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

// submodulePath finds the paths of submodules in .gitmodules, as git config has them
// (its documentation, "Syntax"): a key may stand behind its section on one line.
var submodulePath = regexp.MustCompile(`(?im)(?:^|\])\s*path\s*=(.*)$`)

// plainModules takes away what git config takes away: quotes, and the ends of lines
// that go on in the next one.
var plainModules = strings.NewReplacer("\\\r\n", "", "\\\n", "", `"`, "")

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
	var found finding.List
	plain := plainModules.Replace(string(text))
	for _, at := range submodulePath.FindAllStringSubmatchIndex(plain, -1) {
		p := path.Clean(strings.TrimSpace(plain[at[2]:at[3]]))
		inside, below := strings.CutPrefix(p, s.Dir+"/")
		if !below || strings.HasPrefix(inside, "_") {
			continue
		}
		found = append(found, finding.Finding{
			File: modules, Line: 1 + strings.Count(plain[:at[2]], "\n"), Rule: tree.RuleSubmodule, Severity: finding.Error,
			Message: fmt.Sprintf("%s is a git submodule: Argo CD fetches what it holds, and this repository does not have it", p),
			Hint:    "Take the submodule out of the clusters folder. A chart can be one, outside of it.",
		})
	}
	return found, nil
}
