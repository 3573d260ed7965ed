package workspace

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
)

// ServiceRange asks the host for its service range, once for all clusters.
type ServiceRange struct {
	once  sync.Once
	cidrs host.ServiceRange
	err   error
}

// Ask returns the host's answer. open opens the host, and is called once; nil where
// there is none.
func (h *ServiceRange) Ask(ctx context.Context, open func() (*host.Host, error)) (host.ServiceRange, error) {
	h.once.Do(func() {
		var asked *host.Host
		if asked, h.err = open(); h.err == nil {
			h.cidrs, h.err = host.ServiceCIDRs(ctx, asked)
		}
	})
	return h.cidrs, h.err
}

// RuleServiceCIDRMoved: the host's service range is another than the one that a
// cluster was built with.
const RuleServiceCIDRMoved finding.Rule = "register-service-cidr-moved"

// Moved returns a finding where the host answers with another range than the one
// in the spec, or in the lock where the spec says auto. A host that cannot be
// asked says nothing of it: the run will say so where it needs the host.
func (h *ServiceRange) Moved(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock, asked *host.Host) finding.List {
	had, how := c.Spec.ServiceCIDR, "write the new one into its spec and build"
	if had == fleet.AutoCIDR && lock != nil {
		had, how = lock.Host.ServiceCIDR, "delete host.serviceCIDR from "+c.Name+"'s lock.yaml and build"
	}
	if asked == nil || had == "" || had == fleet.AutoCIDR {
		return nil
	}
	now, err := h.Ask(ctx, func() (*host.Host, error) { return asked, nil })
	if err != nil || now.CIDR == had || c.Spec.ServiceCIDR != fleet.AutoCIDR && now.Has(had) {
		return nil
	}
	return finding.List{c.Finding(finding.Error, RuleServiceCIDRMoved, []string{"spec", "serviceCIDR"},
		fmt.Sprintf("the host's service range is %s now; the cluster was built with %s", now.CIDR, had),
		"A running virtual cluster does not follow. Find out why the host's range changed; to take the new one, "+how+".")}
}

// Resolve puts the host's service range in the place of auto: the one that the
// lock holds, so that a host that answers otherwise one day changes nothing
// silently; without one, the host's answer.
func (w *Workspace) Resolve(ctx context.Context, c *fleet.Cluster, lock *lockfile.Lock) (lockfile.HostLock, finding.List, error) {
	known := lockfile.HostLock{Name: c.Spec.Host}
	if c.Spec.ServiceCIDR != fleet.AutoCIDR {
		return known, nil, nil
	}
	if lock != nil && lock.Host.ServiceCIDR != "" && lock.Host.Name == c.Spec.Host {
		c.Spec.ServiceCIDR = lock.Host.ServiceCIDR
		return lock.Host, nil, nil
	}
	asked := w.Hosts.Of(*c)
	cidrs, err := asked.ServiceRange.Ask(ctx, asked.Open)
	var unknown *host.UnknownRangeError
	switch {
	case errors.As(err, &unknown):
		return known, finding.List{unknown.Finding(w.Fleet, *c)}, nil
	case errors.Is(err, errNoHost):
		return known, nil, fmt.Errorf("serviceCIDR is auto, and %w", err)
	case err != nil:
		return known, nil, w.Hosts.By(asked, err)
	}
	c.Spec.ServiceCIDR, known.ServiceCIDR = cidrs.CIDR, cidrs.CIDR
	return known, cidrs.Findings(*c), nil
}
