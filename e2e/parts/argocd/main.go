// Command argocd is the part of Argo CD that deploys, for the tests: its
// repo-server, application-controller or applicationset-controller, whichever
// ARGOCD_BINARY_NAME names, as in Argo CD's own program. That one has the user
// interface in it, which no Go module carries.
package main

import (
	"fmt"
	"os"

	application "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	repository "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

var commands = map[string]func() *cobra.Command{
	"argocd-repo-server":               repository.NewCommand,
	"argocd-application-controller":    application.NewCommand,
	"argocd-applicationset-controller": applicationset.NewCommand,
	"argocd-git-ask-pass":              askpass.NewCommand,
}

func main() {
	command := commands[os.Getenv("ARGOCD_BINARY_NAME")]
	if command == nil {
		fmt.Fprintln(os.Stderr, "argocd: ARGOCD_BINARY_NAME is not one of: argocd-repo-server, argocd-application-controller, argocd-applicationset-controller")
		os.Exit(2)
	}
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "argocd:", err)
		os.Exit(1)
	}
}
