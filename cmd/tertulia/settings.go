package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// settingsFile resolves flags from a YAML file whose keys are the flags' names.
// A key that is no flag is an error: a setting that is silently without effect
// is worse than none.
type settingsFile struct{ values map[string]any }

// loadSettings reads a settings file (kong.ConfigurationLoader).
func loadSettings(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the settings file is not YAML: %w", err)
	}
	return settingsFile{values}, nil
}

// Validate refuses keys that are no flags.
func (f settingsFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range app.Flags {
		known[flag.Name] = true
	}
	for _, command := range app.Children {
		if command.Name == "serve" {
			for _, flag := range command.Flags {
				known[flag.Name] = true
			}
		}
	}
	var unknown []string
	for key := range f.values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("the settings file has %s, which is no setting; docs/config.md lists them all", strings.Join(unknown, ", "))
}

// Resolve gives the value of one flag, or nil. Kong asks resolvers even where
// a variable has given a value, which has precedence here.
func (f settingsFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || value == nil || slices.ContainsFunc(flag.Envs, isSet) {
		return nil, nil
	}
	list, isList := value.([]any)
	switch {
	case isList && len(list) == 0:
		return nil, nil
	case isList && flag.Tag.Sep == -1: // values have commas of their own
		return list, nil
	case isList:
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = fmt.Sprint(v)
		}
		return strings.Join(parts, ","), nil
	}
	return fmt.Sprint(value), nil
}

func isSet(variable string) bool {
	_, ok := os.LookupEnv(variable)
	return ok
}
