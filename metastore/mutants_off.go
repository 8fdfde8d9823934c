//go:build !mutant_applied_later && !mutant_no_operation_id && !mutant_image_without_ops

package metastore

const built = none
