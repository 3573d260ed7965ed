package position

import (
	"bytes"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Annotate returns the YAML document with a comment behind each scalar and each empty
// list and mapping: what comment returns for its path of map keys and list indexes;
// nothing where that is empty. The error is that data is not one YAML document.
func Annotate(data []byte, comment func(path []string) string) ([]byte, error) {
	d, err := Parse(data, 0)
	if err != nil {
		return nil, err
	}
	annotate(d.root, nil, comment)
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(d.root); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), encoder.Close()
}

func annotate(n *yaml.Node, path []string, comment func([]string) string) {
	below := func(child *yaml.Node, step string) {
		annotate(child, append(path[:len(path):len(path)], step), comment)
	}
	switch {
	case n.Kind == yaml.DocumentNode:
		for _, child := range n.Content {
			annotate(child, path, comment)
		}
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		for i := 0; i+1 < len(n.Content); i += 2 {
			below(n.Content[i+1], n.Content[i].Value)
		}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		for i, child := range n.Content {
			below(child, strconv.Itoa(i))
		}
	default:
		n.LineComment = comment(path)
	}
}
