package pipelines

import (
	"context"
	"errors"
	"sync"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/tree"
)

// hostRange asks the host for its service range once for all clusters.
type hostRange struct {
	once  sync.Once
	cidrs host.ServiceRange
	err   error
}

var errNoHost = errors.New("serviceCIDR is auto, and there is no host cluster to ask")

func (h *hostRange) ask(ctx context.Context, open func() (*host.Host, error)) (host.ServiceRange, error) {
	h.once.Do(func() {
		if open == nil {
			h.err = errNoHost
			return
		}
		var asked *host.Host
		if asked, h.err = open(); h.err == nil {
			h.cidrs, h.err = asked.ServiceCIDRs(ctx)
		}
	})
	return h.cidrs, h.err
}

// resolve puts the host's service range in the place of auto: the one that the
// lock holds, so that a host that answers otherwise one day changes nothing
// silently; without one, the host's answer.
func (h *hostRange) resolve(ctx context.Context, o Options, f *fleet.Fleet, c *fleet.Cluster, lock *tree.Lock) (tree.HostLock, finding.List, error) {
	if c.Spec.ServiceCIDR != fleet.AutoCIDR {
		return tree.HostLock{}, nil, nil
	}
	if lock != nil && lock.Host.ServiceCIDR != "" {
		c.Spec.ServiceCIDR = lock.Host.ServiceCIDR
		return lock.Host, nil, nil
	}
	cidrs, err := h.ask(ctx, o.OpenHost)
	var unknown *host.UnknownRangeError
	if errors.As(err, &unknown) {
		return tree.HostLock{}, finding.List{unknown.Finding(f, *c)}, nil
	}
	if err != nil {
		return tree.HostLock{}, nil, err
	}
	c.Spec.ServiceCIDR = cidrs.CIDR
	return tree.HostLock{ServiceCIDR: cidrs.CIDR}, cidrs.Findings(*c), nil
}
