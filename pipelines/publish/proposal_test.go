package publish

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const proposed = "kasou/upgrade/clusters/canary"

// propose opens a clone's proposal, overlays what is there, writes the files on top of
// it and pushes.
func propose(t *testing.T, p person, files map[string]string) (moved bool, overlaid []string, err error) {
	t.Helper()
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := pub.Propose(t.Context(), proposed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := pub.Copy(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if overlaid, err = b.Overlay(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if content == "" {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, dir, name, content)
	}
	moved, err = b.Push(t.Context(), dir, Message{Title: "Upgrade ring canary"})
	return moved, overlaid, err
}

func (s *server) branch(t *testing.T, format string) string {
	t.Helper()
	return strings.TrimSpace(command(t, s.repo, "git", "log", "-1", "--format="+format, proposed))
}

// The branch has one commit on main, is left alone while it says the same, keeps what
// it has where main went on elsewhere, and is made anew where not.
func TestProposal(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	hop := map[string]string{"clusters/one/spec.yaml": "two", "clusters/one/lock.yaml": "new"}
	moved, overlaid, err := propose(t, p, hop)
	if err != nil || !moved || overlaid != nil {
		t.Fatal(moved, overlaid, err)
	}
	first := s.branch(t, "%H")
	if s.branch(t, "%s") != "Upgrade ring canary" || s.branch(t, "%P") != s.tip(t) {
		t.Error(s.branch(t, "%s %P"))
	}
	if got := command(t, s.repo, "git", "show", proposed+":clusters/one/lock.yaml"); got != "new" {
		t.Errorf("%q", got)
	}
	if status := p.git("status", "--porcelain"); status != "" {
		t.Errorf("the working copy has changed: %s", status)
	}
	if moved, overlaid, err = propose(t, p, nil); err != nil || moved || !slices.Equal(overlaid, []string{"clusters/one/lock.yaml", "clusters/one/spec.yaml"}) {
		t.Errorf("the same again: %v, %v, %v", moved, overlaid, err)
	}

	other := s.clone(t)
	other.commit("clusters/two/spec.yaml", "other")
	other.push()
	p.git("pull", "--quiet")
	if moved, overlaid, err = propose(t, p, nil); err != nil || moved || len(overlaid) != 2 || s.branch(t, "%H") != first {
		t.Errorf("main went on elsewhere: %v, %v, %v", moved, overlaid, err)
	}
	other.commit("clusters/one/spec.yaml", "by a person")
	other.push()
	p.git("pull", "--quiet")
	if moved, overlaid, err = propose(t, p, hop); err != nil || !moved || overlaid != nil || s.branch(t, "%P") != s.tip(t) {
		t.Errorf("main changed the same: %v, %v, %v", moved, overlaid, err)
	}
	if moved, overlaid, err = propose(t, p, map[string]string{"clusters/one/lock.yaml": ""}); err != nil || !moved || len(overlaid) != 2 {
		t.Errorf("another change: %v, %v, %v", moved, overlaid, err)
	}

	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	if names, err := pub.Branches(t.Context(), "kasou/upgrade/clusters/"); err != nil || !slices.Equal(names, []string{proposed}) {
		t.Errorf("%v, %v", names, err)
	}
	b, err := pub.Propose(t.Context(), proposed)
	if err == nil {
		err = b.Delete(t.Context())
	}
	if names, failed := pub.Branches(t.Context(), "kasou/upgrade/clusters/"); err != nil || failed != nil || len(names) > 0 {
		t.Errorf("%v, %v, %v", names, err, failed)
	}
}

// A person's commit on the branch is never lost.
func TestProposalLeavesAPersonsCommit(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	if _, _, err := propose(t, p, map[string]string{"clusters/one/spec.yaml": "two"}); err != nil {
		t.Fatal(err)
	}
	person := s.clone(t)
	person.git("checkout", "--quiet", proposed)
	person.commit("clusters/one/spec.yaml", "three")
	person.git("push", "--quiet", "origin", "HEAD:"+proposed)
	tip := s.branch(t, "%H")
	_, overlaid, err := propose(t, p, map[string]string{"clusters/one/spec.yaml": "two"})
	if wantKind(t, err, Diverged, "somebody else has committed"); overlaid != nil || s.branch(t, "%H") != tip {
		t.Error("it was changed")
	}
	// Merged, the branch is free again.
	person.git("checkout", "--quiet", "main")
	person.git("merge", "--quiet", "--no-ff", "-m", "merge", proposed)
	person.push()
	p.git("pull", "--quiet")
	if moved, _, err := propose(t, p, map[string]string{"clusters/one/spec.yaml": "four"}); err != nil || !moved {
		t.Errorf("%v, %v", moved, err)
	}
	// One who pushes while the build runs is not overwritten.
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := pub.Propose(t.Context(), proposed)
	if err != nil {
		t.Fatal(err)
	}
	person.git("fetch", "--quiet")
	person.git("checkout", "--quiet", "-B", "own", "origin/"+proposed)
	person.commit("clusters/one/spec.yaml", "five")
	person.git("push", "--quiet", "origin", "HEAD:"+proposed)
	wantKind(t, b.Delete(t.Context()), Contended, "meanwhile")
}
