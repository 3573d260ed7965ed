package toolchain

import "context"

type clusterKey struct{}

// WithCluster says for which cluster the tools run that are called with the
// context. Nothing but names for people comes of it, such as a trace's: the
// tools' results must not.
func WithCluster(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, clusterKey{}, name)
}

// Cluster gives the name that WithCluster set; empty where none is.
func Cluster(ctx context.Context) string {
	name, _ := ctx.Value(clusterKey{}).(string)
	return name
}
