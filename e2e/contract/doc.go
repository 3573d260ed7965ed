// Package contract holds what kasou writes against the sync run of Argo CD's own
// engine: the order of objects, what is pruned, and what waits for what. The host
// is a map of objects, so a sync of a cluster takes milliseconds.
//
// The engine is that of Argo CD 3.2.5, the newest that is a module. Its sync run
// does what that of 3.5.1 does for the options that kasou writes, but for one:
// only later ones read Prune from an Application's syncOptions. The tests give
// such an option to each object that has none of its own, which is what it means.
package contract
