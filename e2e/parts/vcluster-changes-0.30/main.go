// Command vcluster-changes prints, for the tests, which changes of the backing store
// and of the distro vcluster's own configuration lets through: one a line, WHAT FROM
// TO.
package main

import (
	"fmt"

	"github.com/loft-sh/vcluster/config"
)

func main() {
	stores := []config.StoreType{
		config.StoreTypeEmbeddedDatabase, config.StoreTypeExternalDatabase, config.StoreTypeEmbeddedEtcd,
		config.StoreTypeDeployedEtcd, config.StoreTypeExternalEtcd,
	}
	for _, from := range stores {
		for _, to := range stores {
			if config.ValidateStoreChanges(to, from) == nil {
				fmt.Println("store", from, to)
			}
		}
	}
	distros := []string{"k3s", "k8s", "k0s", "eks"}
	for _, from := range distros {
		for _, to := range distros {
			if config.ValidateDistroChanges(to, from) == nil {
				fmt.Println("distro", from, to)
			}
		}
	}
}
