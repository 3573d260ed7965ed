package tracker

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-github/v84/github"
)

// Comment is what one comment on a pull request should say.
type Comment struct {
	// Number is that of the pull request.
	Number int
	// Body is Markdown, of at most Room bytes.
	Body string
	// Silent writes nothing where there is no comment yet.
	Silent bool
}

// Comment makes kasou's comment on a pull request say what c does: one comment for
// each Options.Key. The error is an *Error, or ctx's.
func (t *Pulls) Comment(ctx context.Context, c Comment) (Result, error) {
	mark := "<!-- kasou check " + t.options.Key + " "
	text := marked(mark, "", c.Body)
	old, err := t.commentWith(ctx, c.Number, mark)
	switch {
	case err != nil:
		return Result{}, err
	case old == nil && c.Silent:
		return Result{}, nil
	case old != nil && says(old.GetBody(), mark, "", c.Body):
		return Result{URL: old.GetHTMLURL()}, nil
	}
	result := Result{Action: Edited}
	var written *github.IssueComment
	err = t.ask(ctx, fmt.Sprintf("commenting on pull request #%d", c.Number), func() (err error) {
		if old != nil {
			written, _, err = t.api.Issues.EditComment(ctx, t.owner, t.name, old.GetID(), &github.IssueComment{Body: &text})
			return err
		}
		result.Action = Opened
		written, _, err = t.api.Issues.CreateComment(ctx, t.owner, t.name, c.Number, &github.IssueComment{Body: &text})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	result.URL = written.GetHTMLURL()
	return result, nil
}

// commentWith returns the first comment that begins with the mark and is not a
// stranger's; nil where there is none.
func (t *Pulls) commentWith(ctx context.Context, number int, mark string) (found *github.IssueComment, err error) {
	list := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100}}
	err = t.ask(ctx, fmt.Sprintf("listing the comments of pull request #%d", number), func() error {
		for comment, err := range t.api.Issues.ListCommentsIter(ctx, t.owner, t.name, number, list) {
			if err != nil {
				return err
			}
			if isTrusted(comment.GetUser(), comment.GetAuthorAssociation()) && strings.HasPrefix(comment.GetBody(), mark) {
				found = comment
				return nil
			}
		}
		return nil
	})
	return found, err
}
