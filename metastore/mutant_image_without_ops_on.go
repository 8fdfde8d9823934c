//go:build mutant_image_without_ops

package metastore

const built = imageWithoutOps
