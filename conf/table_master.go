package conf

// masterProperties are those of masters, and those by which masters are found.
func masterProperties() []Property {
	return append(append(masterAddresses(), masterState()...), masterSafety()...)
}

func masterAddresses() []Property {
	return []Property{
		{Name: "goosefs.master.hostname", Env: "GOOSEFS_MASTER_HOSTNAME", Default: "localhost",
			Meaning: "The name by which others reach this master; for clients, the master when there is only one. With several masters each sets its own, as written in goosefs.master.embedded.journal.addresses."},
		{Name: "goosefs.master.rpc.port", Type: Port, Default: "9200", Meaning: "Where a master answers clients and workers."},
		{Name: "goosefs.master.web.port", Type: Port, Default: "9201", Scope: Master, Meaning: "Where a master answers HTTP."},
		{Name: "goosefs.master.rpc.addresses", Type: Addresses,
			Meaning: "All masters as host:port,host:port. Not set: the hosts of goosefs.master.embedded.journal.addresses with goosefs.master.rpc.port, or goosefs.master.hostname."},
		{Name: "goosefs.master.bind.host", Aliases: []string{"goosefs.master.rpc.bind.host"}, Scope: Master,
			Meaning: "The address a master listens on. Not set: the address of goosefs.master.hostname, so that a master that was not configured listens on loopback only. 0.0.0.0 is every address."},
		{Name: "goosefs.master.web.bind.host", Ignored: "Not built yet: the web pages.", Meaning: "Not built yet: the web pages."},
		{Name: "goosefs.master.embedded.journal.bind.host", Scope: Master, Default: "${goosefs.master.bind.host}",
			Meaning: "The address a master listens on for the other masters."},
		{Name: "goosefs.master.embedded.journal.addresses", Type: Addresses,
			Meaning: "The masters that replicate the namespace, as host:port,host:port, in the same order everywhere. Not set: one master alone. Their number should be odd."},
		{Name: "goosefs.master.embedded.journal.port", Type: Port, Default: "9202", Scope: Master,
			Meaning: "Where a master listens for the other masters."},
	}
}

func masterState() []Property {
	return []Property{
		{Name: "goosefs.master.embedded.journal.election.timeout", Type: Duration, Default: "1s", Scope: Master,
			Meaning: "How long followers wait for the leader before they elect another. GooseFS waits 10s, because a long pause of its garbage collector must not look like a dead leader; ours pauses for less than a millisecond, so that a lost leader is replaced within 3s."},
		{Name: "goosefs.master.embedded.journal.heartbeat.interval", Type: Duration, Default: "100ms", Scope: Master,
			Meaning: "How often the leader tells the followers that it is there. A tenth of the election timeout."},
		{Name: "goosefs.master.journal.type", Type: Enum, Values: []string{"EMBEDDED", "UFS"}, Default: "EMBEDDED", Scope: Master,
			Meaning: "EMBEDDED: masters replicate a log among themselves. UFS is accepted and means the same, with one member: the log lies in goosefs.master.journal.folder."},
		{Name: "goosefs.master.journal.folder", Default: "${goosefs.work.dir}/journal", Scope: Master,
			Meaning: "The folder of the replicated log and of its snapshots, on a disk that outlives the process. An empty folder is formatted at start."},
		{Name: "goosefs.master.journal.checkpoint.period.entries", Type: Int, Default: "2000000", Scope: Master,
			Meaning: "After so many entries the log is cut, once they are in the metastore."},
		{Name: "goosefs.master.journal.log.size.bytes.max", Type: Size, Default: "32MB", Scope: Master,
			Meaning: "After so many bytes of changes the log is cut, once they are in the metastore. Until then they are in memory as well, in about three times the space."},
		{Name: "goosefs.master.metastore.dir", Default: "${goosefs.work.dir}/metastore", Scope: Master,
			Meaning: "The folder of the namespace's database, on a disk that outlives the process."},
		{Name: "goosefs.master.metastore.inode.cache.max.size", Ignored: "The store keeps what fits and reads the rest from its database; there is nothing to size.", Meaning: "The store keeps what fits and reads the rest from its database; there is nothing to size."},
		{Name: "goosefs.master.metastore.flush.interval", Type: Duration, Default: "5s", Scope: Master,
			Meaning: "Ours. How often changes go from memory to the database. Until then they are in the log, so nothing is lost by a crash."},
		{Name: "goosefs.master.mount.table.root.ufs", Default: "${goosefs.work.dir}/underFSStorage", Scope: Master,
			Meaning: "What is mounted at /. A local folder is created when it is missing. Counts only until the root has been mounted once."},
		{Name: "goosefs.master.mount.table.root.readonly", Type: Bool, Default: "false", Scope: Master, Meaning: "Whether / is read-only."},
		{Name: "goosefs.master.mount.table.root.shared", Type: Bool, Default: "false", Scope: Master,
			Meaning: "Whether files of the root mount are readable by everyone."},
		{Name: "goosefs.master.mount.table.root.option.{key}", Template: true, Scope: Master,
			Meaning: "An option of the root mount, as --option of goosefs fs mount."},
		{Name: "goosefs.master.worker.timeout", Type: Duration, Default: "5min", Scope: Master,
			Meaning: "After so long without a report a worker counts as lost, and files that were only on it show as LOST. Readers do not wait for this: they avoid a worker that fails at once."},
		{Name: "goosefs.master.lost.worker.detection.interval", Type: Duration, Default: "10s", Scope: Master,
			Meaning: "How often the master looks for lost workers."},
		{Name: "goosefs.master.ufs.timeout", Type: Duration, Default: "12s", Scope: Master,
			Meaning: "Ours. How long one request to an under file system may take before it fails."},
		{Name: "goosefs.master.metadata.sync.concurrency.level", Ignored: "Each under file system has its own bounded pool, goosefs.master.metadata.sync.ufs.prefetch.pool.size.", Meaning: "Each under file system has its own bounded pool, goosefs.master.metadata.sync.ufs.prefetch.pool.size."},
		{Name: "goosefs.master.metadata.sync.ufs.prefetch.pool.size", Type: Int, Default: "16", Scope: Master,
			Meaning: "How many requests to one under file system run at once."},
		{Name: "goosefs.master.consistent.hash.virtual.node.num.per.worker", Type: Int, Default: "2000", Scope: Master,
			Meaning: "How many points each worker has on the ring that decides which worker owns which stripe. All masters need the same."},
	}
}

// masterSafety is what keeps the namespace when disks and masters are lost.
func masterSafety() []Property {
	return []Property{
		{Name: "goosefs.master.journal.init.from.backup", Env: "JOURNAL_BACKUP", Scope: Master,
			Meaning: "A backup that a new cluster begins with. It counts only while the journal folder is empty and no other master has a cluster; give it to all masters."},
		{Name: "goosefs.master.file.abandoned.timeout", Type: Duration, Default: "1h", Scope: Master,
			Meaning: "A file that was created and not completed is removed when nobody has written it for so long: its writer died, or gave up and told nobody."},
		{Name: "goosefs.master.ttl.checker.interval", Type: Duration, Default: "1h", Scope: Master,
			Meaning: "How long the leading master waits between two looks for files of namespaces whose time to live is over (goosefs ns setTtl)."},
		{Name: "goosefs.master.backup.directory", Default: "/goosefs_backups", Scope: Master,
			Meaning: "The folder, on the leading master's host, for backups that name no other."},
		{Name: "goosefs.master.daily.backup.enabled", Type: Bool, Default: "false", Scope: Master,
			Meaning: "Whether the leading master makes a backup every day."},
		{Name: "goosefs.master.daily.backup.time", Default: "05:00", Scope: Master,
			Meaning: "When it is made, HH:MM, UTC."},
		{Name: "goosefs.master.daily.backup.files.retained", Type: Int, Default: "3", Scope: Master,
			Meaning: "How many backups are kept in the folder when a daily one has been made."},
		{Name: "goosefs.master.journal.space.reserved", Type: Size, Default: "128MB", Scope: Master,
			Meaning: "Ours. With less space than this free on the journal's disk no changes are taken, and reads go on. Half of it is kept in a file that is given up when there is no space at all. Twice the size of a file of the log, or more."},
		{Name: "goosefs.master.embedded.journal.snapshot.rate", Type: Size, Default: "64MB", Scope: Master,
			Meaning: "Ours. How many bytes a second of a snapshot are sent to a master that is far behind, so that the others do not suffer."},
		{Name: "goosefs.master.journal.hash.entries", Type: Int, Default: "1024", Scope: Master,
			Meaning: "Ours. After so many changes masters compare their states. All masters need the same."},
	}
}
