// Package manifest reads the YAML that describes a cluster: a Dataset, which says
// what to cache, and a GooseFSRuntime, which says with what.
//
//	apiVersion: data.fluid.io/v1alpha1      apiVersion: data.fluid.io/v1alpha1
//	kind: Dataset                           kind: GooseFSRuntime
//	metadata:                               metadata:
//	  name: hbase                             name: hbase
//	spec:                                   spec:
//	  mounts:                                 replicas: 3
//	    - mountPoint: https://…/stable/       tieredstore:
//	      name: hbase                           levels:
//	                                              - mediumtype: HDD
//	                                                path: /mnt/disk1
//	                                                quota: 2G
//	                                                high: "0.8"
//	                                                low: "0.7"
//	                                          master:
//	                                            replicas: 3
//
// These are the kinds of Fluid v1.0.8, so that a file written for Kubernetes works
// on bare hosts. Every field of theirs has one of three fates:
//
//   - it is honoured: it ends up in the plain structs of this package;
//   - it means nothing without Kubernetes (images, affinities, …): it is named in
//     the one [Warning] about all such fields;
//   - it is refused, with file, line, column, field, value and what to write
//     instead: an [*Error]. So is every field that the kinds do not have, as it
//     would silently do nothing.
//
// All problems of a file are reported at once. One thing differs from Kubernetes:
// sizes count in 1024s, so that a quota of 2G is 2 GiB.
//
// [ReadPaths] finds the documents in files, folders and standard input, and [Bind]
// joins the Dataset and the Runtime of the same name.
package manifest
