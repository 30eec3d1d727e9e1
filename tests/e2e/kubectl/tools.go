//go:build tools

// Package tools pins what `make e2e` builds: see ../programs.py.
package tools

import _ "k8s.io/kubernetes/cmd/kubectl"
