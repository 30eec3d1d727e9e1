terraform {
  required_version = ">= 1.5"
  required_providers {
    xeks = { source = "xeks/xeks", version = ">= 0.1.0" }
  }
}
