package conf

// fuseProperties are those of the mount.
func fuseProperties() []Property {
	return []Property{
		{Name: "goosefs.fuse.fs.name", Default: "goosefs-fuse", Scope: Client,
			Meaning: "The first column of the mount in /proc/mounts. The type is always fuse.goosefs-fuse."},
		{Name: "goosefs.fuse.mount.options", Type: List, Aliases: []string{"goosefs.worker.fuse.mount.options"}, Scope: Client,
			Meaning: "Mount options as after -o: ro, allow_other, kernel_cache, max_read=…, …"},
		{Name: "goosefs.fuse.attribute.timeout", Type: Duration, Sign: ZeroToo, Default: "5min", Scope: Client,
			Meaning: "Ours. How long the kernel trusts the attributes of a file while the masters push what changes; without them it is a second at most."},
		{Name: "goosefs.fuse.entry.timeout", Type: Duration, Sign: ZeroToo, Default: "5min", Scope: Client,
			Meaning: "Ours. How long the kernel trusts that a name exists, likewise."},
		{Name: "goosefs.fuse.passthrough.enabled", Type: Bool, Default: "true", Scope: Client,
			Meaning: "Ours. Whether the kernel reads files itself that a worker on this host holds whole (Linux 6.9, as root)."},
		{Name: "goosefs.fuse.passthrough.bytes.min", Type: Size, Sign: ZeroToo, Default: "1MB", Scope: Client,
			Meaning: "Ours. Files smaller than this are read through the mount all the same, which keeps their pages in the kernel: that is faster for small ones."},
		{Name: "goosefs.fuse.no.open.enabled", Type: Bool, Default: "false", Scope: Client,
			Meaning: "Ours. Whether the kernel opens and closes files without a request to the mount, which about doubles how fast small files are read whose pages it keeps. The mount is ro then, and no file is passed through."},
		{Name: "goosefs.fuse.prefetch.enabled", Type: Bool, Default: "false", Scope: Client,
			Meaning: "Ours. Whether files of up to 1MB that no worker holds yet are loaded ahead, up to 64 of them and 32MB, when a program opens the files of a directory in about the order of its listing, or many of them. It pauses when a source fails, and ends when more is loaded in vain than not."},
		{Name: "goosefs.fuse.readahead.bytes", Type: Size, Sign: ZeroToo, Default: "1MB", Scope: Client,
			Meaning: "Ours. How far the kernel reads ahead of a program."},
	}
}
