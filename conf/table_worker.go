package conf

// workerProperties are those of workers.
func workerProperties() []Property {
	return append(workerProcess(), workerTiers()...)
}

func workerProcess() []Property {
	return []Property{
		{Name: "goosefs.worker.hostname", Env: "GOOSEFS_WORKER_HOSTNAME", Scope: Worker,
			Meaning: "The name by which others reach this worker. Not set: the address from which the host reaches the masters."},
		{Name: "goosefs.worker.rpc.port", Type: Port, Default: "9203", Scope: Worker, Meaning: "Where a worker serves blocks."},
		{Name: "goosefs.worker.web.port", Type: Port, Default: "9204", Scope: Worker, Meaning: "Where a worker answers HTTP."},
		{Name: "goosefs.worker.bind.host", Aliases: []string{"goosefs.worker.rpc.bind.host"}, Scope: Worker,
			Meaning: "The address a worker listens on. Not set: the address of goosefs.worker.hostname. 0.0.0.0 is every address."},
		{Name: "goosefs.worker.web.bind.host", Ignored: "Not built yet: the web pages.", Meaning: "Not built yet: the web pages."},
		{Name: "goosefs.worker.data.folder", Default: "${goosefs.work.dir}/worker", Scope: Worker,
			Meaning: "Ours. Where a worker keeps what is not cached bytes: its identity and the index of its tiers."},
		{Name: "goosefs.worker.block.heartbeat.interval", Type: Duration, Default: "1s", Scope: Worker,
			Meaning: "How often a worker reports to every master."},
		{Name: "goosefs.worker.ufs.timeout", Type: Duration, Default: "12s", Scope: Worker,
			Meaning: "Ours. How long a read from an under file system may bring nothing before it fails. The kernel asks twice for what failed: a program waits for two of these."},
		{Name: "goosefs.worker.fill.concurrency", Type: Int, Default: "16", Scope: Worker,
			Meaning: "Ours. How many ranges a worker fetches from under file systems at once."},
		{Name: "goosefs.worker.fill.range.bytes", Type: Size, Default: "8MB", Scope: Worker,
			Meaning: "Ours. The range that one request to an under file system asks for when a file is read in order."},
		{Name: "goosefs.worker.data.server.domain.socket.address", Default: "${goosefs.worker.data.folder}/socket", Scope: Worker,
			Meaning: "Where a worker hands descriptors of cached files to mounts on its own host, which then read them from the disk: a path that both see. Only root and the worker's own user are answered. Empty: none are handed out."},
	}
}

func workerTiers() []Property {
	const level = "goosefs.worker.tieredstore.level{x}"
	media := []string{"MEM", "SSD", "HDD"}
	return []Property{
		{Name: "goosefs.worker.ramdisk.size", Aliases: []string{"goosefs.worker.memory.size"}, Type: Size, Default: "1GB", Scope: Worker,
			Meaning: "The quota of tiers that set none. GooseFS takes two thirds of the memory; ours takes little until it is told, so that a worker that was not configured cannot fill a host."},
		{Name: "goosefs.worker.tieredstore.levels", Type: Int, Default: "1", Scope: Worker,
			Meaning: "How many tiers there are. Level 0 is the fastest."},
		{Name: "goosefs.worker.tieredstore.level0.alias", Type: Enum, Values: media, Default: "MEM", Scope: Worker, Meaning: "The name of the first tier."},
		{Name: "goosefs.worker.tieredstore.level1.alias", Type: Enum, Values: media, Default: "SSD", Scope: Worker, Meaning: "The name of the second tier."},
		{Name: "goosefs.worker.tieredstore.level2.alias", Type: Enum, Values: media, Default: "HDD", Scope: Worker, Meaning: "The name of the third tier."},
		{Name: level + ".alias", Template: true, Type: Enum, Values: media, Scope: Worker, Meaning: "The name of a tier."},
		{Name: "goosefs.worker.tieredstore.level0.dirs.path", Type: List, Default: "/dev/shm/goosefs", Scope: Worker,
			Meaning: "The folders of the first tier. GooseFS mounts /mnt/ramdisk for it; /dev/shm is memory on every Linux without being root."},
		{Name: level + ".dirs.path", Template: true, Type: List, Scope: Worker, Meaning: "The folders of a tier. Each may be used once."},
		{Name: level + ".dirs.mediumtype", Template: true, Type: List, Default: "${" + level + ".alias}", Scope: Worker,
			Meaning: "What each folder lies on: MEM, SSD or HDD, in the order of the folders. The last counts for all that follow."},
		{Name: level + ".dirs.quota", Template: true, Type: Sizes, Default: "${goosefs.worker.ramdisk.size}", Scope: Worker,
			Meaning: "How many bytes each folder may hold, in the order of the folders. The last counts for all that follow."},
		{Name: level + ".watermark.high.ratio", Template: true, Type: Ratio, Default: "0.95", Scope: Worker,
			Meaning: "Above this share of the quota, the least valuable bytes leave the tier. (GooseFS ignores it since 2.3; ours honours it.)"},
		{Name: level + ".watermark.low.ratio", Template: true, Type: Ratio, Default: "0.7", Scope: Worker,
			Meaning: "They leave until this share is reached."},
		{Name: "goosefs.worker.block.annotator.class", Type: Enum, Default: "LRU", Scope: Worker,
			Values: []string{
				"TINYLFU", "LRU", "NONE", "LRFU",
				"com.qcloud.cos.goosefs.worker.block.annotator.LRUAnnotator", "com.qcloud.cos.goosefs.worker.block.annotator.LRFUAnnotator",
				"goosefs.worker.block.annotator.LRUAnnotator", "goosefs.worker.block.annotator.LRFUAnnotator",
				"alluxio.worker.block.annotator.LRUAnnotator", "alluxio.worker.block.annotator.LRFUAnnotator",
			},
			Meaning: "Which bytes leave first: TINYLFU, those used least often lately, so that a scan does not empty the cache; LRU, GooseFS's default and ours, those not used for longest; " +
				"NONE, nothing leaves, what does not fit is not kept. LRFU, which is none of ours, means TINYLFU, and class names mean what they end with."},
	}
}
