package fleet

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

var chartName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)

// checkChart wants a chart named in exactly one of its two forms.
func checkChart(c Chart, report func(string, *problem)) {
	remote := c.Repository != "" || c.Name != "" || c.Version != ""
	switch {
	case c.Path != "" && remote:
		report("spec.chart", fail(RuleChart, "has a path and a repository, name or version", "Keep path, or the other three."))
	case c.Path != "":
		report("spec.chart.path", checkPath(c.Path, "the repo's root"))
	default:
		checkRemoteChart(c, report)
	}
}

func checkRemoteChart(c Chart, report func(string, *problem)) {
	for _, field := range []struct{ name, value, example string }{
		{"repository", c.Repository, "https://charts.loft.sh"}, {"name", c.Name, "vcluster"}, {"version", c.Version, "0.4.3"},
	} {
		if field.value == "" {
			report("spec.chart."+field.name, fail(RuleChart, "is missing", fmt.Sprintf("A chart has repository, name and version, or path: add %s, such as %s.", field.name, field.example)))
		}
	}
	if c.Repository != "" {
		report("spec.chart.repository", checkChartRepository(c.Repository))
	}
	if c.Name != "" && !chartName.MatchString(c.Name) {
		report("spec.chart.name", fail(RuleChart, quoted(c.Name)+" is not a chart's name", "Write the last part alone; what stands before it belongs into repository."))
	}
	if c.Version != "" {
		report("spec.chart.version", checkChartVersion(c.Version))
	}
}

func checkChartRepository(repository string) *problem {
	u, err := url.Parse(repository)
	switch {
	case err != nil || u.Host == "":
		return fail(RuleChart, "is not a URL with a host", "Write it as `helm repo add` takes it, or as oci://registry/repository.")
	case u.User != nil:
		return fail(RuleCredentials, "has credentials in it", "Take them out, and change them, as git remembers; kasou reads Helm's and Docker's own configuration (`helm registry login`).")
	case u.RawQuery != "" || u.Fragment != "":
		return fail(RuleChart, "has a query or a fragment", "Write the repository's plain URL.")
	}
	return nil
}

func checkChartVersion(version string) *problem {
	if _, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v")); err != nil {
		return fail(RuleChartVersion, quoted(version)+" is not an exact version", "Write all three parts and no range, such as 0.4.3; `kasou lock --upgrade` shows newer ones.")
	}
	return nil
}

// tokens are how well-known access tokens begin, which stand where a user's
// name is expected.
var tokens = []string{"ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "x-access-token"}

var scpLike = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+:[^/\s:][^\s]*$`)

// checkGitURL takes what Argo CD takes: https, http, ssh, git@host:path. It
// never repeats the URL, which can hold a password.
func checkGitURL(raw string) *problem {
	u, err := url.Parse(raw)
	if (err != nil || !strings.Contains(raw, "://")) && scpLike.MatchString(raw) {
		return checkNoPattern(RuleRepository, raw, "Write the URL of one repository.")
	}
	if err != nil || u.Host == "" || strings.ContainsAny(raw, " \t\n") {
		return fail(RuleRepository, "is not the URL of a git repository", "Write it as Argo CD knows it: https://host/path.git, ssh://git@host/path.git or git@host:path.git.")
	}
	switch u.Scheme {
	case "https", "http", "ssh":
	default:
		return fail(RuleRepository, "begins with "+quoted(u.Scheme)+", which Argo CD does not read", "Use https or ssh.")
	}
	if hasSecret(u) {
		return fail(RuleCredentials, "has credentials in it", "Take them out, and change them, as git remembers; give them to Argo CD with `argocd repo add`.")
	}
	return checkNoPattern(RuleRepository, raw, "Write the URL of one repository, with the name of its host.")
}

func hasSecret(u *url.URL) bool {
	if u.User == nil {
		return false
	}
	if _, password := u.User.Password(); password {
		return true
	}
	for _, token := range tokens {
		if strings.HasPrefix(u.User.Username(), token) {
			return true
		}
	}
	return false
}

// CheckRepository returns an error that says why Argo CD cannot read a repository at the
// URL, or nil. It never repeats the URL, which can hold a password.
func CheckRepository(raw string) error {
	if p := checkGitURL(raw); p != nil {
		return errors.New(p.message)
	}
	return nil
}
