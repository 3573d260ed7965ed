// Package workspace is what the clusters of one run share: the fleet, the folder on
// disk, the certificate and the key, the host, and the committed files.
package workspace

import (
	"context"
	"hash/fnv"

	"kasou/pipelines/chart"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree/disk"
)

// Options say what a pipeline works on and with.
type Options struct {
	// Root is the repo's root, absolute; Dir the clusters folder in it,
	// slash-separated.
	Root, Dir string
	// Names of the clusters to work on; all where it is empty.
	Names []string
	// Shard takes a part of the clusters; the zero value takes all.
	Shard Shard
	// Jobs is how many clusters are worked on at once; at least 1.
	Jobs int
	// Cache is the folder of content-addressed downloads.
	Cache     string
	Toolchain toolchain.Toolchain
	Charts    *chart.Store
	// OpenHost returns the cluster that a context of the kubeconfig leads to, the current
	// one for the empty name. It is called only where a stage has to ask the cluster
	// something that neither the spec nor the lock says; nil where there is none.
	OpenHost func(context string) (*host.Host, error)
	// HostContext is the context of the single host, in place of the one that fleet.yaml
	// says; empty for that one.
	HostContext string
	// Getenv returns the environment of the run to valuesFrom; nil where it gets
	// none.
	Getenv func(string) string
	// InProcess returns the helm that renders with the values of valuesFrom, where
	// Toolchain would hand them to an engine that keeps what it is given; nil
	// where Toolchain itself runs in this process.
	InProcess func() (toolchain.Helm, error)
	// SealKey is KASOU_SEAL_KEY, as given; empty where there is none.
	SealKey string
	// Against is the commit that a change starts from; empty for HEAD's parents.
	Against string
	// AgainstFolder is a checkout of that commit, for where there is no git; empty to
	// ask git. Signatures are not held against it.
	AgainstFolder string
	// MustCompare fails a run whose Against is not a commit of the clone, where others
	// compare with HEAD.
	MustCompare bool
	// BeforeMerge says that the run is about a change that nobody has merged yet:
	// a rendered Secret without a signature is then a warning, as the build after
	// the merge signs it.
	BeforeMerge bool
	// Merge is what the event tells of such a change.
	Merge history.Merge
	// Helm renders with another major version of Helm than fleet.yaml names; 0 for
	// that one.
	Helm toolchain.HelmMajor
	// Swept is the clusters folder as Sweep looked through it; nil where it did not.
	Swept *disk.Disk
	// Idle lets Open take what the fleet's files say from the cache, where that has all of
	// them: nothing is written then, as with DryRun (Fleet.Cached).
	Idle bool
	// NoCache builds every cluster in full, whatever was built before.
	NoCache bool
	// DryRun keeps Build from writing.
	DryRun bool
	// AllowPrune lets Build remove the files of more than one cluster.
	AllowPrune bool
	// Diff fills in the report's differences, by meaning; FullDiff byte for byte.
	Diff, FullDiff bool
	// Progress hears, from any goroutine, how many of how many clusters are
	// done, and Failed of each that failed, before it is done; nil where nobody listens.
	Progress func(done, total int, name string)
	Failed   func()
}

// Shard is one of Count parts of a fleet, numbered from 1. A cluster's part
// depends on its name alone, so others do not move when one is added. What is
// one for the whole fleet belongs to the first.
type Shard struct{ Index, Count int }

// of keeps the clusters that belong to the part.
func (s Shard) of(all []fleet.Cluster) []fleet.Cluster {
	if s.Count < 2 {
		return all
	}
	var kept []fleet.Cluster
	for _, c := range all {
		if s.Has(c.Name) {
			kept = append(kept, c)
		}
	}
	return kept
}

// Has reports whether the cluster of that name is in the part.
func (s Shard) Has(name string) bool {
	if s.Count < 2 {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return int(h.Sum32()%uint32(s.Count)) == s.Index-1
}

// WholeFleet reports whether the run also works on what belongs to no cluster.
func (o Options) WholeFleet() bool { return len(o.Names) == 0 && o.Shard.Index < 2 }

// UnknownClusterError is a name that no cluster has.
type UnknownClusterError struct {
	Name string
	// Known are the names there are.
	Known []string
}

func (e *UnknownClusterError) Error() string {
	return "there is no cluster " + e.Name
}

// Pipeline is Build, Check or another of their kind. The report is complete
// whenever the error is nil; an error means that no work could begin, such as
// an unreadable folder. A name in Options.Names that is not a cluster is an
// *UnknownClusterError.
type Pipeline func(context.Context, Options) (*report.Report, error)
