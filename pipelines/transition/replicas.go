package transition

import (
	"fmt"

	"kasou/pipelines/manifest"
)

// replicaChanges: an etcd of the chart does not grow or shrink, a database in the pod
// does not serve two of them, and without a pod nothing answers.
func replicaChanges(before, after Side) []Change {
	var all []Change
	for _, suffix := range []string{"", "-api", etcdSuffix} {
		was, there := workload(before, suffix)
		now, stays := workload(after, suffix)
		if !there || !stays || was.kind() != now.kind() {
			continue
		}
		from, to := replicas(was), replicas(now)
		c := Change{Name: "replicas", From: fmt.Sprint(from), To: fmt.Sprint(to), About: ByValues}
		switch {
		case from == to:
			continue
		case to == 0:
			c.Effect = Unreachable
			c.Message = fmt.Sprintf("%s has no pods any more: the cluster stops, and nothing in it is served", now)
			c.Hint = "Keep one replica at least."
		case suffix == etcdSuffix && from != 0:
			etcdReplicas(&c, now, from > to)
		case suffix == "" && Store(after) == embeddedDatabase && database(after, embeddedDatabase) == "" && from <= 1 && to > 1:
			c.Effect = RefusedByVCluster
			c.Message = fmt.Sprintf("%s has %d pods, each with a database of its own: vcluster from 0.21 on refuses to start, and an older one is several clusters under one name", now, to)
			c.Hint = "Keep one replica, or use a backing store that several can share."
		default:
			continue
		}
		all = append(all, c)
	}
	return all
}

// etcdReplicas fills in what another number of members does to an etcd whose arguments
// say initial-cluster-state=new, as those of every chart do. Both were run with etcd 3.6
// (TestAnEtcdOfTheChartDoesNotScale in e2e).
func etcdReplicas(c *Change, o Object, shrinks bool) {
	c.Name, c.Effect = "etcd-replicas", Lost
	c.Message = fmt.Sprintf("%s goes from %s to %s members: the new ones form a cluster of their own, empty, and the Service leads the API server to either", o, c.From, c.To)
	if shrinks {
		c.Effect = RefusedByVCluster
		c.Message = fmt.Sprintf("%s goes from %s to %s members: what is left waits for the others, and the cluster stops", o, c.From, c.To)
	}
	c.Hint = "Keep the number, or move the members by etcdctl member add or remove before the sync."
}

// etcdSuffix is what the charts add to the release's name for their etcd.
const etcdSuffix = "-etcd"

// workload returns the StatefulSet or Deployment that is named like the release, with a
// suffix.
func workload(s Side, suffix string) (Object, bool) {
	for _, o := range s.Objects {
		if isControlPlane(o, s.Name+suffix) {
			return o, true
		}
	}
	return nil, false
}

// replicas returns the pods that a workload wants; the API server takes one where it says
// nothing.
func replicas(o Object) int64 {
	switch n := manifest.At(o, "spec", "replicas").(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	case int:
		return int64(n)
	}
	return 1
}
