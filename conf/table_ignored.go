package conf

// ignoredProperties are those of GooseFS that templates and charts set and that
// have no effect here. They are accepted without looking at the value, and named
// once at start.
func ignoredProperties() []Property {
	var rows []Property
	for _, g := range ignoredGroups() {
		for _, name := range g.names {
			_, _, template := cutPlaceholder(name)
			rows = append(rows, Property{Name: name, Ignored: g.why, Meaning: g.why, Template: template})
		}
	}
	return rows
}

// ignoredGroup is a set of names with one reason.
type ignoredGroup struct {
	why   string
	names []string
}

func ignoredGroups() []ignoredGroup {
	return append(ignoredOfServers(), ignoredOfClients()...)
}

func ignoredOfServers() []ignoredGroup {
	return []ignoredGroup{
		{"Thread pools and buffers of the JVM: goroutines need no pool, and buffers follow the load.", []string{
			"goosefs.master.rpc.executor.core.pool.size", "goosefs.master.rpc.executor.max.pool.size",
			"goosefs.master.metadata.sync.executor.pool.size",
			"goosefs.worker.block.master.client.pool.size", "goosefs.worker.file.buffer.size",
			"goosefs.worker.network.reader.buffer.size",
		}},
		{"There is one metastore: memory over a database on disk.", []string{
			"goosefs.master.metastore", "goosefs.master.metastore.block",
		}},
		{"The log is synced once per batch, as soon as the disk is ready; there is nothing to wait for.", []string{
			"goosefs.master.journal.flush.batch.time", "goosefs.master.journal.flush.timeout",
		}},
		{"Masters find each other by raft.", []string{
			"goosefs.zookeeper.enabled", "goosefs.zookeeper.address", "goosefs.zookeeper.{name}",
		}},
		{"Workers report all that they hold at every start; the masters keep no list that could disagree.", []string{
			"goosefs.master.startup.block.integrity.check.enabled", "goosefs.master.worker.heartbeat.interval",
			"goosefs.worker.registry.get.timeout.ms",
		}},
		{"Not built yet: files that expire one by one (goosefs ns setTtl is for all of a namespace), replication of cached blocks, writing later.", []string{
			"goosefs.master.replication.check.interval", "goosefs.master.persistence.checker.interval",
			"goosefs.user.file.create.ttl", "goosefs.user.file.create.ttl.action",
			"goosefs.user.file.replication.min", "goosefs.user.file.replication.number",
		}},
		{"Tiers need not be the same on all workers; each tells the masters its own.", []string{
			"goosefs.master.tieredstore.global.levels", "goosefs.master.tieredstore.global.level{x}.alias", "goosefs.master.tieredstore.global.mediumtype",
		}},
		{"Not built yet: the audit log.", []string{"goosefs.master.audit.logging.enabled"}},
		{"Processes are known by the host name that they are given.", []string{"goosefs.network.ip.address.used"}},
		{"Which folder of a tier takes new bytes follows the free space, and tiers are freed ahead of writers between the two watermarks.", []string{
			"goosefs.worker.allocator.class", "goosefs.worker.reviewer.class", "goosefs.worker.tieredstore.free.ahead.bytes",
		}},
		{"TINYLFU, which takes the place of LRFU, has nothing to set.", []string{
			"goosefs.worker.block.annotator.lrfu.step.factor", "goosefs.worker.block.annotator.lrfu.attenuation.factor",
		}},
		{"Not built yet: moving bytes between tiers.", []string{
			"goosefs.worker.management.tier.align.enabled", "goosefs.worker.management.tier.align.range",
			"goosefs.worker.management.tier.promote.enabled", "goosefs.worker.management.tier.promote.quota.percent",
			"goosefs.worker.management.{name}",
		}},
		{"The local socket has one form.", []string{"goosefs.worker.data.server.domain.socket.as.uuid"}},
		{"There is one store of blocks, in the folders of the tiers.", []string{
			"goosefs.worker.file.store.dirs.path", "goosefs.worker.page.store.dirs", "goosefs.worker.page.store.page.size",
		}},
		{"The mount is a process of its own: goosefs fuse.", []string{
			"goosefs.worker.fuse.enabled", "goosefs.worker.fuse.mount.point", "goosefs.worker.fuse.mount.goosefs.path",
		}},
		{"Bytes on their way from an under file system go to the reader and to the cache at once.", []string{
			"goosefs.worker.ufs.instream.cache.enabled",
		}},
		{"There are no job masters and job workers; what they did is done by masters and workers.", []string{
			"goosefs.job.master.job.capacity", "goosefs.job.master.finished.job.retention.time", "goosefs.job.worker.threadpool.size",
			"goosefs.job.master.worker.timeout", "goosefs.job.master.rpc.port", "goosefs.job.master.web.port",
			"goosefs.job.master.embedded.journal.port", "goosefs.job.worker.rpc.port", "goosefs.job.worker.data.port",
			"goosefs.job.worker.web.port", "goosefs.job.{name}", "gosefs.job.worker.threadpool.size",
		}},
		{"Not built yet: web pages and the REST proxy.", []string{
			"goosefs.web.ui.enabled", "goosefs.proxy.web.port", "goosefs.web.{name}", "goosefs.proxy.{name}",
		}},
	}
}

func ignoredOfClients() []ignoredGroup {
	return []ignoredGroup{
		{"The reader's own host comes first, then the owner of the bytes; there is no policy to choose.", []string{
			"goosefs.user.block.write.location.policy.class", "goosefs.user.ufs.block.read.location.policy",
			"goosefs.user.block.avoid.eviction.policy.reserved.size.bytes", "goosefs.user.client.hash.policy.max.attempt",
			"goosefs.user.direct.memory.io.enabled",
		}},
		{"Connections are shared by all calls; there are no pools to size.", []string{
			"goosefs.user.block.master.client.threads", "goosefs.user.block.master.client.pool.gc.threshold",
			"goosefs.user.file.master.client.threads", "goosefs.user.block.worker.client.pool.min",
			"goosefs.user.block.worker.client.{name}", "goosefs.user.block.master.client.{name}",
			"goosefs.user.streaming.reader.close.timeout", "goosefs.security.stale.channel.purge.interval",
		}},
		{"Local files are read by descriptor, in whatever pieces the reader asks for.", []string{
			"goosefs.user.local.reader.chunk.size.bytes",
		}},
		{"The kernel's page cache is the client's cache of bytes, and of names and attributes.", []string{
			"goosefs.user.client.cache.enabled", "goosefs.user.client.cache.dirs", "goosefs.user.client.cache.size",
			"goosefs.user.client.cache.page.size", "goosefs.user.client.cache.eviction.policy", "goosefs.user.client.cache.{name}",
			"goosefs.user.metadata.cache.enabled", "goosefs.user.metadata.cache.max.size", "goosefs.user.metadata.cache.expiration.time",
		}},
		{"Belongs to GooseFS's Hadoop client.", []string{
			"goosefs.user.client.transparent_acceleration.enabled", "goosefs.user.client.transparent_acceleration.cosranger.enabled",
			"goosefs.user.client.transparent_acceleration.{name}",
		}},
		{"Not built yet: metrics of clients.", []string{
			"goosefs.user.metrics.collection.enabled", "goosefs.user.metrics.heartbeat.interval", "goosefs.user.app.id",
			"goosefs.user.logging.threshold",
		}},
		{"Times of access are not kept.", []string{"goosefs.user.update.file.accesstime.disabled"}},
		{"There is one way to the kernel, without a library between.", []string{
			"goosefs.fuse.jnifuse.enabled", "goosefs.fuse.cached.paths.max", "goosefs.fuse.shared.caching.reader.enabled",
			"goosefs.fuse.maxwrite.bytes",
		}},
		{"Failed requests are logged, and goosefs.logs.level=debug tells more.", []string{
			"goosefs.fuse.debug.enabled", "goosefs.fuse.logging.threshold",
		}},
		{"Not built yet: translation of users between hosts.", []string{
			"goosefs.fuse.user.group.translation.enabled",
		}},
		{"Every form of date that HTTP allows is read.", []string{"goosefs.underfs.web.header.last.modified"}},
		{"Not built yet: HDFS and object stores as under file systems.", []string{
			"goosefs.underfs.hdfs.configuration", "goosefs.underfs.object.store.breadcrumbs.enabled",
			"goosefs.underfs.s3.endpoint", "goosefs.underfs.s3.disable.dns.buckets",
			"fs.cosn.upload.part.size", "fs.cosn.flush.enabled", "fs.cosn.credentials.provider", "fs.ofs.user.appid", "fs.ofs.tmp.cache.dir",
		}},
	}
}
