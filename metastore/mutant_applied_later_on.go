//go:build mutant_applied_later

package metastore

const built = appliedLater
