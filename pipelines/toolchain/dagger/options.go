package dagger

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options say how to reach the engine and what to run in it. Zero values mean
// the defaults.
type Options struct {
	// Cache is the folder, absolute, below which built tools are kept. It is
	// needed unless every tool has an image.
	Cache string
	// Images replace tools by images: helm, kubeseal and kubeconform to an image
	// reference with a digest, as fleet.yaml's toolchain names them.
	Images map[string]string
	// Jobs is the most containers at a time. Default: 8.
	Jobs int
	// Timeout is for one container, with the wait for the engine. Default: 2
	// minutes.
	Timeout time.Duration
	// ConnectTimeout is for reaching the engine. Default: 1 minute.
	ConnectTimeout time.Duration
	// Log gets the engine's progress and the tools' builds. Default: nobody,
	// for `dagger run` draws the trace itself.
	Log io.Writer
}

func (o Options) withDefaults() Options {
	o.Jobs = cmp.Or(max(o.Jobs, 0), 8)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 2*time.Minute)
	o.ConnectTimeout = cmp.Or(max(o.ConnectTimeout, 0), time.Minute)
	if o.Log == nil {
		o.Log = io.Discard
	}
	return o
}

var imageDigest = regexp.MustCompile(`^[^\s@]+@sha256:[0-9a-f]{64}$`)

// check refuses images that are for no tool, or not pinned.
func (o Options) check() error {
	for _, name := range slices.Sorted(maps.Keys(o.Images)) {
		if _, ok := tools[name]; !ok {
			return fmt.Errorf("an image for %q, which is none of the tools %s", name, strings.Join(toolNames(), ", "))
		}
		if !imageDigest.MatchString(o.Images[name]) {
			return fmt.Errorf("toolchain.%s.image %q has no digest: write NAME@sha256: and 64 hex digits", name, o.Images[name])
		}
	}
	if o.Cache == "" && !o.allImages() {
		return errors.New("no place to build the tools in: the cache folder is not set")
	}
	return nil
}

// allImages reports whether no tool that every fleet needs is to be built.
func (o Options) allImages() bool {
	return !slices.ContainsFunc(toolNames(), func(name string) bool { return name != helm4Tool && o.Images[name] == "" })
}

// Available reports whether getenv, such as os.Getenv, names a Dagger session
// (`dagger run` does) or an engine to open one with.
func Available(getenv func(string) string) bool {
	return inSession(getenv) || getenv(runnerHostEnv) != ""
}

func inSession(getenv func(string) string) bool {
	return getenv("DAGGER_SESSION_PORT") != "" && getenv("DAGGER_SESSION_TOKEN") != ""
}
