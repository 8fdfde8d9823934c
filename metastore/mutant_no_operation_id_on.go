//go:build mutant_no_operation_id

package metastore

const built = noOperationID
