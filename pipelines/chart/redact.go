package chart

import (
	"net/url"
	"strings"
)

// redact returns a URL as a message may show it: without user, password and
// query, which may hold tokens.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(a URL that does not parse)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Place returns the URL of a chart repository as messages show it, by which the same
// repository compares equal; empty for none.
func Place(repository string) string { return redact(normalURL(repository)) }

// normalURL returns a URL by which the same repository compares equal.
func normalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return strings.TrimRight(raw, "/")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), originHost(u)
	u.Path = strings.TrimRight(u.Path, "/")
	return u.String()
}

// origin returns scheme, host and port: what credentials belong to.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + originHost(u) }

func originHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}
