package manifest

import "maps"

// Merge returns base with over over it, as Helm lays one values file on another: mappings
// key by key, anything else whole. A null stays: to Helm it means "without the chart's
// default". Neither is changed, and the result shares what is the same.
func Merge(base, over map[string]any) map[string]any { return merge(base, over, false) }

// Coalesce returns a chart's defaults with values over them, as Merge does it, but that a
// null takes a key away: what templates see.
func Coalesce(defaults, values map[string]any) map[string]any { return merge(defaults, values, true) }

func merge(base, over map[string]any, dropNull bool) map[string]any {
	merged := make(map[string]any, len(base)+len(over))
	maps.Copy(merged, base)
	for key, value := range over {
		below, isMap := merged[key].(map[string]any)
		above, overMap := value.(map[string]any)
		switch {
		case value == nil && dropNull:
			delete(merged, key)
		case isMap && overMap:
			merged[key] = merge(below, above, dropNull)
		default:
			merged[key] = value
		}
	}
	return merged
}
