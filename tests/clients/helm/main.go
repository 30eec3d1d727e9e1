// Renders a chart as `helm template` does, with Helm's own engine: nothing is installed,
// no cluster is asked.
//
// Arguments: chart, release, namespace. Values come as YAML on standard input.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// The version of the cluster that the chart is rendered for.
const kubernetes = "v1.34.0"

func main() {
	if err := render(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(path, release, namespace string) error {
	chart, err := loader.Load(path)
	if err != nil {
		return err
	}
	if err := chart.Validate(); err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	given, err := chartutil.ReadValues(text)
	if err != nil {
		return err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	// The defaults are those of the Kubernetes libraries that Helm was released with, told at link time; here, nothing is.
	version, err := chartutil.ParseKubeVersion(kubernetes)
	if err != nil {
		return err
	}
	capabilities.KubeVersion = *version
	if !chartutil.IsCompatibleRange(chart.Metadata.KubeVersion, capabilities.KubeVersion.String()) {
		return fmt.Errorf("the chart wants Kubernetes %s, not %s", chart.Metadata.KubeVersion, capabilities.KubeVersion.String())
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(chart, given, options, capabilities)
	if err != nil {
		return err
	}
	files, err := (engine.Engine{Strict: true}).Render(chart, values)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for name, text := range files {
		if filepath.Ext(name) == ".yaml" && strings.TrimSpace(text) != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("---\n# Source: %s\n%s\n", name, files[name])
	}
	return nil
}
