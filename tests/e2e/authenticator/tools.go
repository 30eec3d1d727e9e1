//go:build tools

// Package tools pins what `make e2e` builds: see ../programs.py.
package tools

import _ "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator"
