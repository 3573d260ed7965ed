package bundle

import (
	"errors"
	"fmt"
	"maps"
	"reflect"

	"sigs.k8s.io/yaml"
)

// ErrNoCRD says that YAML holds no CustomResourceDefinition.
var ErrNoCRD = errors.New("not a CustomResourceDefinition of apiextensions.k8s.io/v1")

type crd struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Group string `json:"group"`
		Scope string `json:"scope"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Served bool   `json:"served"`
			Schema struct {
				OpenAPIV3Schema Schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// AddCRD adds the kinds of one CustomResourceDefinition in YAML or JSON, one
// for each version that is served. It gives ErrNoCRD for another object.
func (b *Bundle) AddCRD(document []byte) error {
	data, err := yaml.YAMLToJSON(document)
	if err != nil {
		return fmt.Errorf("read a CustomResourceDefinition: %w", err)
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := decode(data, &head); err != nil || head.Kind != "CustomResourceDefinition" || head.APIVersion != "apiextensions.k8s.io/v1" {
		return ErrNoCRD
	}
	var definition crd
	if err := decode(data, &definition); err != nil {
		return fmt.Errorf("read a CustomResourceDefinition: %w", err)
	}
	return b.addVersions(definition)
}

func (b *Bundle) addVersions(definition crd) error {
	spec := definition.Spec
	if spec.Group == "" || spec.Names.Kind == "" || len(spec.Versions) == 0 {
		return errors.New("a CustomResourceDefinition without spec.group, spec.names.kind or spec.versions")
	}
	if spec.Scope != "Cluster" && spec.Scope != "Namespaced" {
		return fmt.Errorf("spec.scope of %s.%s is %q: it is Cluster or Namespaced", spec.Names.Kind, spec.Group, spec.Scope)
	}
	if b.Definitions == nil {
		b.Definitions = map[string]Schema{}
	}
	b.Scopes = append(b.Scopes, Scope{Group: spec.Group, Kind: spec.Names.Kind, Cluster: spec.Scope == "Cluster"})
	for _, version := range spec.Versions {
		if !version.Served {
			continue
		}
		schema := version.Schema.OpenAPIV3Schema
		if schema == nil {
			return fmt.Errorf("version %s of %s.%s has no openAPIV3Schema", version.Name, spec.Names.Kind, spec.Group)
		}
		name := fmt.Sprintf("%s.%s.%s", spec.Group, version.Name, spec.Names.Kind)
		converted := customResource(schema)
		if other, twice := b.Definitions[name]; twice {
			if !reflect.DeepEqual(other, converted) {
				return fmt.Errorf("version %s of %s.%s is defined twice, and not the same", version.Name, spec.Names.Kind, spec.Group)
			}
			continue
		}
		b.Kinds = append(b.Kinds, Kind{Group: spec.Group, Version: version.Name, Kind: spec.Names.Kind, Definition: name})
		b.Definitions[name] = converted
	}
	return nil
}

// customResource converts the schema of a whole object, whose metadata a CRD
// leaves to the API server.
func customResource(in Schema) Schema {
	out := converter{}.schema(in, false)
	fields, ok := out["properties"].(Schema)
	if !ok {
		fields = Schema{}
		out["properties"] = fields
	}
	maps.Copy(fields, typeFields(Schema{"metadata": nil}))
	metadata := objectMeta()
	if own, ok := fields["metadata"].(Schema); ok {
		if narrowed, ok := own["properties"].(Schema); ok {
			maps.Copy(metadata["properties"].(Schema), narrowed)
		}
	}
	fields["metadata"] = metadata
	return out
}

// objectMeta is the metadata of every object, as far as manifests have it.
func objectMeta() Schema {
	text := Schema{"type": []any{"string", "null"}}
	number := Schema{"type": []any{"integer", "null"}}
	time := Schema{"type": []any{"string", "null"}, "format": "date-time"}
	texts := Schema{"type": []any{"object", "null"}, "additionalProperties": text}
	return Schema{
		"type":                 "object",
		"additionalProperties": false,
		"properties": Schema{
			"name": text, "generateName": text, "namespace": text, "selfLink": text,
			"uid": text, "resourceVersion": text, "generation": number,
			"creationTimestamp": time, "deletionTimestamp": time, "deletionGracePeriodSeconds": number,
			"labels": texts, "annotations": texts,
			"finalizers":      Schema{"type": []any{"array", "null"}, "items": Schema{"type": "string"}},
			"ownerReferences": Schema{"type": []any{"array", "null"}, "items": Schema{"type": "object"}},
			"managedFields":   Schema{"type": []any{"array", "null"}, "items": Schema{"type": "object"}},
		},
	}
}
