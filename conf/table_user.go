package conf

// userProperties are those of clients: the shell, the mount, and any process
// where it reads as a client.
func userProperties() []Property {
	return []Property{
		{Name: "goosefs.user.hostname", Env: "GOOSEFS_CLIENT_HOSTNAME", Scope: Client,
			Meaning: "The host that a client is on; a worker of the same name is local. Not set: the name and addresses of the host."},
		{Name: "goosefs.user.block.size.bytes.default", Type: Size, Default: "64MB",
			Meaning: "The block size of files that are created or found in an under file system."},
		{Name: "goosefs.user.file.stripe.size", Type: Size, Default: "1GB", Scope: Master,
			Meaning: "Ours. How many bytes of a file one worker owns in a row. All masters need the same."},
		{Name: "goosefs.user.file.metadata.sync.interval", Type: Duration, Sign: AnySign, Default: "-1", Scope: Client,
			Meaning: "Metadata older than this is compared with the under file system when it is used. -1: never; 0: always."},
		{Name: "goosefs.user.file.metadata.load.type", Ignored: "Folders are loaded when they are first listed; goosefs.user.file.metadata.sync.interval=0 is ALWAYS.", Meaning: "Folders are loaded when they are first listed; goosefs.user.file.metadata.sync.interval=0 is ALWAYS."},
		{Name: "goosefs.user.file.readtype.default", Type: Enum, Values: []string{"NO_CACHE", "CACHE", "CACHE_PROMOTE"}, Default: "CACHE", Scope: Client,
			Meaning: "Whether reading keeps the bytes in the cache, and whether it moves them to a faster tier."},
		{Name: "goosefs.user.file.writetype.default", Ignored: "Not built yet: writing the bytes of files. Folders and empty files are written through.", Meaning: "Not built yet: writing the bytes of files. Folders and empty files are written through."},
		{Name: "goosefs.user.file.replication.max", Type: Int, Sign: AnySign, Default: "-1", Scope: Client,
			Meaning: "How many workers may hold a copy of a block. -1: any number."},
		{Name: "goosefs.user.file.passive.cache.enabled", Ignored: "Not built yet: second copies on the reader's host.", Meaning: "Not built yet: second copies on the reader's host."},
		{Name: "goosefs.user.streaming.reader.chunk.size.bytes", Ignored: "Messages carry 1 MB, which is what the way to the worker is built for.", Meaning: "Messages carry 1 MB, which is what the way to the worker is built for."},
		{Name: "goosefs.user.streaming.data.timeout", Type: Duration, Default: "30s", Scope: Client,
			Meaning: "How long a stream may bring nothing before another worker is asked. GooseFS waits an hour."},
		{Name: "goosefs.user.streaming.readahead.bytes.max", Type: Size, Sign: ZeroToo, Default: "16MB", Scope: Client,
			Meaning: "Ours. How far a reader in order is read ahead of."},
		{Name: "goosefs.user.short.circuit.enabled", Type: Bool, Default: "true", Scope: Client,
			Meaning: "Whether what a worker on this host has is read from its disk, by descriptors that it lends. Otherwise all is read by streams."},
		{Name: "goosefs.user.rpc.timeout", Ignored: "A call that makes progress is not cut off; a silent connection is, after seconds.", Meaning: "A call that makes progress is not cut off; a silent connection is, after seconds."},
		{Name: "goosefs.user.rpc.retry.base.sleep", Aliases: []string{"goosefs.user.rpc.retry.base.sleep.ms"}, Type: Duration, Sign: ZeroToo, Default: "50ms", Scope: Client,
			Meaning: "How long a client waits before it asks the masters again; doubled each time."},
		{Name: "goosefs.user.rpc.retry.max.sleep", Aliases: []string{"goosefs.user.rpc.retry.max.sleep.ms"}, Type: Duration, Sign: ZeroToo, Default: "250ms", Scope: Client,
			Meaning: "The longest wait between two attempts. GooseFS waits up to 3s; ours replaces a dead master much sooner."},
		{Name: "goosefs.user.rpc.retry.max.duration", Type: Duration, Sign: ZeroToo, Default: "2min", Scope: Client,
			Meaning: "After so long a client gives up."},
		{Name: "goosefs.user.block.read.retry.max.duration", Type: Duration, Sign: ZeroToo, Default: "20s", Scope: Client,
			Meaning: "After so long a read that no worker answers fails. GooseFS waits two minutes."},
		{Name: "goosefs.user.worker.list.refresh.interval", Type: Duration, Default: "30s", Scope: Client,
			Meaning: "How often a client asks for the list of workers."},
		{Name: "goosefs.user.date.format.pattern", Default: "MM-dd-yyyy HH:mm:ss:SSS", Scope: Client,
			Meaning: "How the shell prints times."},
	}
}
