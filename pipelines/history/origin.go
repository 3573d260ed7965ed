package history

import (
	"context"
	"net/url"
	"strings"
)

// Origin is where a working copy's commits go.
type Origin struct {
	// URL is that of the remote, without a user or password where it is dialled by
	// http: credentials of a clone are nobody else's. Empty where there is no remote, or
	// more than one and none is called origin.
	URL string
	// Branch is the one that clones of the remote begin with, else the one checked out;
	// empty where there is neither.
	Branch string
}

// Origin asks for the repository's remote. Where there is no git, or no repository, nothing
// is known.
func (r Repository) Origin(ctx context.Context) Origin {
	if !r.top {
		return Origin{}
	}
	var o Origin
	remotes, _ := r.git(ctx, "remote")
	name := "origin"
	if all := strings.Fields(remotes); len(all) == 1 {
		name = all[0]
	}
	if raw, err := r.git(ctx, "remote", "get-url", name); err == nil {
		o.URL = withoutUser(raw)
	}
	head, err := r.git(ctx, "symbolic-ref", "--quiet", "--short", "refs/remotes/"+name+"/HEAD")
	if err == nil {
		o.Branch = strings.TrimPrefix(head, name+"/")
	} else if head, err = r.git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		o.Branch = head
	}
	return o
}

func withoutUser(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return raw
	}
	u.User = nil
	return u.String()
}
