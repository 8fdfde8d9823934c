// Package up runs a whole cluster on one host: `goosefs up`, `goosefs get`, `goosefs down`.
//
// It reads a Dataset and a GooseFSRuntime as Kubernetes would, and does with processes what an operator does with pods.
// First it decides: [makePlan] is a function of the manifests and a few settings, and returns every pod with its name,
// address, arguments, properties and folders. Then it does: a [supervisor] starts each [Pod] as a child process of this
// same binary, waits until it answers, restarts it when it dies, counts that, and stops all of them in order.
//
// Every pod has its own loopback address, so that each master can listen on the same port, as on hosts of their own.
// The addresses are x.y.z.n of one /24 of 127.0.0.0/8, chosen by a hash of the folder: two clusters in two folders do
// not meet. Names are resolved by the host table in each pod's properties, not by DNS.
//
// All files are below one folder, ./.goosefs by default:
//
//	conf/goosefs-site.properties      for clients: GOOSEFS_CONF_DIR=.goosefs/conf goosefs fs ls /
//	run/POD/goosefs-site.properties   for the pod; run/POD.pid is its process
//	run/cluster.json                  the [Record]: what get and down read
//	run/lock                          held by the one `up` of this folder
//	logs/POD.log                      what the pod prints
//	state/POD/                        what survives: journal, metastore, the worker's index
//	tiers/                            cached bytes, unless the manifest names a folder that can be written
//	sample/                           the files of the quick start
//	mnt/                              the mount, unless --mount says otherwise
//
// A pod does not outlive its `up`: the kernel sends it SIGTERM when `up` is gone, however that happened (see [spawner]).
package up
