package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/fleet"
	"kasou/pipelines/publish"
	"kasou/pipelines/report"
)

// CI runs `kasou ci` with the arguments and returns the exit code.
func CI(args []string, env Env) int {
	return Main(append([]string{ciName}, args...), env)
}

// ciName is the name of the command.
const ciName = "ci"

// ciPipelines are what `ci` can run.
var ciPipelines = []string{"build", "check", "register", "drift", "upgrade"}

func newCI(f *flags) *cobra.Command {
	c := &ciCommand{flags: f, publish: choice{value: "", allowed: []string{"commit", "fail", "none"}}}
	root := &cobra.Command{
		Use:   ciName + " [" + strings.Join(ciPipelines, "|") + "]",
		Short: "Run a pipeline as CI does: commit what it writes, or fail",
		Long: `Run a pipeline over the whole fleet.

With no argument the event of GitHub Actions or GitLab CI decides: a push builds and
commits, a pull request or merge request is checked, a schedule looks for drift.
Elsewhere the fleet is built and nothing is published.

ci upgrade builds the next hop of each ring on a branch and keeps one pull request for
each, where a schedule or a person starts the workflow.`,
		Args:      ciArgs,
		ValidArgs: ciPipelines,
		RunE:      func(cmd *cobra.Command, args []string) error { return c.failed(c.run(cmd, args)) },
	}
	root.Flags().Var(&c.publish, "publish", "commit: commit and push; fail: fail where anything would change; none: only write")
	offer(root, "publish", c.publish.allowed...)
	root.Flags().StringVar(&c.shard, "shard", "", "i/n: only the i-th of n parts of the fleet")
	root.Flags().StringVar(&c.handOver, "hand-over", "", "build: write what the shard built to this file, for --join")
	root.Flags().StringVar(&c.join, "join", "", "build: take what shards handed over from this folder, in place of building")
	root.Flags().StringVar(&c.author, "author", "", "author of the commit, as in \"Name <mail>\"; default: git's configuration")
	root.Flags().BoolVar(&c.allowPrune, "allow-prune", false, "allow the files of more than one cluster to be removed")
	c.drift.flags(root, "drift: ")
	root.Flags().Lookup("live").Usage = "drift: compare with the host cluster, too; upgrade: ask it whether the ring before is healthy"
	root.Flags().BoolVar(&c.issue, "issue", false, "drift: keep one GitHub issue that says what was found; takes GITHUB_TOKEN")
	root.Flags().BoolVar(&c.comments, "comment", false, "check: keep one comment on the pull request that says what was found; takes GITHUB_TOKEN")
	return root
}

type ciCommand struct {
	*flags
	publish choice
	shard   string
	// handOver is the file that a shard's tree goes to, join the folder with all of them.
	handOver, join string
	author         string
	allowPrune     bool
	drift          driftFlags
	// issue asks for the GitHub issue, comment for that on the pull request.
	issue, comments bool
}

func ciArgs(_ *cobra.Command, args []string) error {
	if len(args) > 1 || len(args) == 1 && !slices.Contains(ciPipelines, args[0]) {
		return usagef("ci takes one of %s, got %s", strings.Join(ciPipelines, ", "), quoted(args))
	}
	return nil
}

// eventName returns an event by the name that its CI has for it.
func (c *ciCommand) eventName(event string) string {
	if c.env.Getenv("GITHUB_EVENT_NAME") == "" && event == "pull_request" {
		return "a merge request's pipeline"
	}
	return "the event " + event
}

// decide returns the pipeline and the way to publish: as said, else by the event.
func (c *ciCommand) decide(args []string) (pipeline, publish string, err error) {
	event := eventOf(c.env.Getenv)
	if len(args) == 0 {
		if pipeline, publish, err = byEvent(event); err != nil {
			return "", "", err
		}
	} else {
		pipeline, publish = args[0], "none"
	}
	if pipeline == "drift" && c.drift.repair && event == "schedule" {
		publish = "commit"
	}
	if pipeline == "upgrade" && (event == "schedule" || event == "workflow_dispatch") {
		publish = "commit"
	}
	publish = cmp.Or(c.publish.value, publish)
	if publish == "commit" && beforeMerge(event) {
		return "", "", usagef("%s runs on what nobody has merged yet, so nothing is committed and pushed from it: use --publish none or fail, and commit on push", c.eventName(event))
	}
	return pipeline, publish, c.contradiction(pipeline, publish)
}

// contradiction says which of the flags do not go together.
func (c *ciCommand) contradiction(pipeline, publish string) error {
	if c.handOver != "" || c.join != "" {
		if err := c.shardContradiction(pipeline, publish); err != nil {
			return err
		}
	}
	switch {
	case c.comments && pipeline != "check":
		return usagef("--comment is for check, not for %s", pipeline)
	case pipeline != "drift" && c.drift.within != fleet.Duration(drift.DefaultWithin):
		return usagef("--within is for drift, not for %s", pipeline)
	case pipeline == "upgrade" && (c.drift.repair || c.issue):
		return usagef("--repair and --issue are for drift, not for upgrade")
	case pipeline == "upgrade":
		return c.upgradeContradiction(publish)
	case pipeline != "drift" && c.drift != driftFlags{within: c.drift.within}, pipeline != "drift" && c.issue:
		return usagef("--live, --repair and --issue are for drift, not for %s", pipeline)
	case pipeline == "drift" && publish == "commit" && !c.drift.repair:
		return usagef("drift writes nothing that could be committed, unless it is told to --repair")
	case pipeline == "drift" && publish == "fail" && c.drift.repair:
		return usagef("what is repaired has to be written: use --publish commit or none with --repair")
	case pipeline == "check" && publish == "commit":
		return usagef("check writes nothing that could be committed: use --publish with build")
	case pipeline == "register" && publish == "fail":
		return usagef("a registration has to be written to be compared: use --publish commit or none")
	case c.issue && c.shard != "":
		return usagef("the issue is about the whole fleet: leave out --shard, or --issue")
	}
	return c.drift.check()
}

func (c *ciCommand) run(cmd *cobra.Command, args []string) error {
	pipeline, mode, err := c.decide(args)
	if err != nil {
		return err
	}
	part, err := parseShard(c.shard)
	if err != nil {
		return err
	}
	s, err := c.open(cmd, nil)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Fprintf(c.env.Stderr, "kasou: ci %s, toolchain %s, publish %s\n", pipeline, s.tools.Name(), mode)
	s.options.Shard, s.options.AllowPrune, s.options.Diff = part, c.allowPrune, true
	s.options.BeforeMerge = beforeMerge(eventOf(c.env.Getenv))
	if s.options.Against, err = before(c.env.Getenv); err != nil {
		return err
	}
	if s.options.Merge, err = merge(c.env.Getenv); err != nil {
		return err
	}
	switch pipeline {
	case "drift":
		return c.lookForDrift(cmd, s, mode)
	case "upgrade":
		return c.proposeUpgrades(cmd, s, mode)
	}
	if pipeline == "check" || mode == "fail" {
		return c.check(cmd, s)
	}
	again := writer(pipeline)
	write := again
	switch {
	case c.handOver != "":
		write = c.handingOver(s, again)
	case c.join != "":
		if write, err = c.joining(s); err != nil {
			return err
		}
	}
	if mode == "commit" {
		return c.writeAndPublish(cmd.Context(), s, write, again)
	}
	return s.run(cmd, "building", write)
}

func (c *ciCommand) check(cmd *cobra.Command, s *session) error {
	if !c.comments {
		return s.run(cmd, "checking", pipelines.Check)
	}
	if s.options.Shard.Count > 1 {
		return usagef("the comment is about the whole fleet: leave out --shard, or --comment")
	}
	check, err := commented(s)
	if err != nil {
		return err
	}
	return s.run(cmd, "checking", check)
}

// parseShard reads i/n with 1 <= i <= n.
func parseShard(text string) (pipelines.Shard, error) {
	if text == "" {
		return pipelines.Shard{}, nil
	}
	var s pipelines.Shard
	rest := ""
	if n, _ := fmt.Sscanf(text+" .", "%d/%d %s", &s.Index, &s.Count, &rest); n != 3 || rest != "." || s.Index < 1 || s.Index > s.Count {
		return s, usagef("--shard %q: it takes i/n, such as 1/4", text)
	}
	return s, nil
}

// errNothingPublished ends a run whose build must not be published.
var errNothingPublished = errors.New("nothing was published")

// writer returns the pipeline of a name that writes.
func writer(name string) pipelines.Pipeline {
	if name == "build" {
		return pipelines.Build
	}
	return with(pipelines.Register, pipelines.Registration{})
}

// writeAndPublish publishes what write returns; again builds it anew where others pushed
// meanwhile.
func (c *ciCommand) writeAndPublish(ctx context.Context, s *session, write, again pipelines.Pipeline) error {
	p, err := c.publisher(ctx, s)
	if err != nil {
		return err
	}
	r, err := write(ctx, s.options)
	if err != nil {
		return asUsage(err)
	}
	if r.Failed() || len(r.Unfinished) > 0 {
		return errors.Join(s.print(r), errNothingPublished)
	}
	if err := s.print(r); err != nil {
		return err
	}
	if err := publishBuilt(ctx, s, p, r, again); err != nil {
		return unpublished(s, err)
	}
	return nil
}

// publishBuilt publishes what write gave, and says so. The errors are those of
// publish.
func publishBuilt(ctx context.Context, s *session, p *publish.Publisher, r *report.Report, write pipelines.Pipeline) error {
	result, err := p.Publish(ctx, built(r), func(ctx context.Context, root string) (publish.Built, error) {
		return rebuild(ctx, s, root, write)
	})
	switch {
	case err != nil:
		return err
	case result.Commit == "":
		fmt.Fprintln(s.env.Stderr, "kasou: nothing has changed, nothing was committed")
	default:
		fmt.Fprintf(s.env.Stderr, "kasou: committed and pushed %s to %s of %s\n", result.Commit, result.Branch, result.Remote)
	}
	return nil
}
