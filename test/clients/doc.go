// Package clients has GooseFS's own clients, unmodified, use a cluster of real processes: the Python package in python, the Rust
// crate and Apache OpenDAL in rust. tools/clients installs them, with the versions that are written there; make test-clients does
// both. Where the cluster is their programs read from variables (python/support.py).
package clients
