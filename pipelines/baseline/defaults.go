package baseline

import (
	"sync"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/chart"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/transition"
)

// defaults are charts' own values, each read once.
type defaults struct{ byDigest sync.Map }

// below returns the chart's defaults with the cluster's values over them, those alone
// where the chart is not at hand, and the service range among the values; nil where the
// values do not parse.
func (d *defaults) below(ch toolchain.Chart, values []byte) (map[string]any, string) {
	var own map[string]any
	if yaml.Unmarshal(values, &own) != nil {
		return nil, ""
	}
	all := d.of(ch)
	if all == nil {
		return own, transition.ServiceCIDR(own)
	}
	return manifest.Coalesce(all, own), transition.ServiceCIDR(own)
}

// of returns the chart's own values, which are not to be changed; nil where
// the chart has no archive, and where they do not parse.
func (d *defaults) of(ch toolchain.Chart) map[string]any {
	if ch.Archive == nil {
		return nil
	}
	parsed, _ := d.byDigest.LoadOrStore(ch.Digest, sync.OnceValue(func() map[string]any {
		all := map[string]any{}
		text, err := chart.Defaults(ch)
		if err != nil || yaml.Unmarshal(text, &all) != nil {
			return nil
		}
		return all
	}))
	return parsed.(func() map[string]any)()
}
