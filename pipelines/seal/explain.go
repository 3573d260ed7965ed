package seal

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"kasou/pipelines/finding"
)

// explain says what a person should know of a decision.
func (j *job) explain(d Decision, sealedAnew bool) finding.List {
	var found finding.List
	name := j.name()
	say := func(severity finding.Severity, rule finding.Rule, message, hint string) {
		found = append(found, j.finding(severity, rule, message, hint))
	}
	switch {
	case d.Outcome == Tampered:
		severity, hint := finding.Error, "Find out who changed it, then put it back from git's history, or seal it anew."
		if sealedAnew {
			severity, hint = finding.Warning, "Find out who changed it, and commit what kasou writes: it is sealed anew here."
		}
		say(severity, RuleTampered, fmt.Sprintf("the committed SealedSecret %s is not as kasou sealed it: %s", name, d.Tampering), hint)
	case d.Outcome == Unverifiable && d.SamePlaintext:
		say(finding.Note, RuleUnverifiable,
			fmt.Sprintf("the ciphertext of SealedSecret %s is kept, but not proved: its tag was made with a %s that this run does not have", name, KeyEnv),
			"Set "+KeyEnv+" to have it proved.")
	case d.Outcome == Unverifiable && j.have == nil:
		say(finding.Warning, RuleUnverifiable,
			"there is no SealedSecret here, and no plaintext to make one from", "Run kasou register.")
	case d.Outcome == Unverifiable:
		say(finding.Warning, RuleUnverifiable,
			fmt.Sprintf("SealedSecret %s is kept, but nothing here can tell whether it is still right", name),
			"Set "+KeyEnv+" to the key it was sealed with, or run kasou register (for a rendered Secret: kasou build) where its plaintext is.")
	case j.retags(d):
		say(finding.Note, RuleResealed,
			fmt.Sprintf("SealedSecret %s keeps its ciphertext, and gets tags by %s: those it had were a test for guesses at its plaintext", name, KeyEnv), "")
	case d.Outcome == Seal && d.Reason != ReasonNew && sealedAnew:
		say(finding.Note, RuleResealed,
			fmt.Sprintf("SealedSecret %s is sealed anew: %s", name, d.Reason), "")
	}
	return append(found, aboutType(j, name)...)
}

// aboutType warns of Secrets that are filled by the host cluster.
func aboutType(j *job, name string) finding.List {
	if j.secret == nil || j.secret.Type != corev1.SecretTypeServiceAccountToken {
		return nil
	}
	return finding.List{j.finding(finding.Warning, RuleTokenSecret,
		fmt.Sprintf("Secret %s is of type %s: the host cluster fills it, and the Sealed Secrets controller empties it again", name, j.secret.Type),
		"Switch this token off in the chart's values, or annotate the Secret with sealedsecrets.bitnami.com/patch: \"true\" there.")}
}

func (j *job) name() string {
	switch {
	case j.want != nil:
		return j.want.namespace + "/" + j.want.name
	case j.have != nil:
		return j.have.namespace + "/" + j.have.name
	}
	return ""
}

func (j *job) finding(severity finding.Severity, rule finding.Rule, message, hint string) finding.Finding {
	return finding.Finding{
		File: j.request.Path, Line: j.request.Line, Cluster: j.request.Cluster.Name,
		Rule: rule, Severity: severity, Message: message, Hint: hint,
	}
}
