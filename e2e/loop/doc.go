// Package loop runs a generated fleet on the real thing: a kube-apiserver and
// controller-manager, the Sealed Secrets controller, Argo CD, git over http, and
// the vcluster of one cluster, in a network of their own. The tests are one story,
// told in order: each begins where the one before ended.
package loop
