package conf

// commonProperties are those that every process looks at.
func commonProperties() []Property {
	return []Property{
		{Name: "goosefs.home", Env: "GOOSEFS_HOME", Default: "/opt/goosefs",
			Meaning: "The installation. Other folders lie below it unless they are set."},
		{Name: "goosefs.work.dir", Default: "${goosefs.home}",
			Meaning: "Where processes keep what they write: journal, metastore, logs."},
		{Name: "goosefs.conf.dir", Env: "GOOSEFS_CONF_DIR", Default: "${goosefs.home}/conf",
			Meaning: "The folder of configuration files. The properties file itself is searched as told at the head of this page."},
		{Name: "goosefs.logs.dir", Env: "GOOSEFS_LOGS_DIR", Default: "${goosefs.work.dir}/logs",
			Meaning: "Where processes write their logs when they do not write to stderr."},
		{Name: "goosefs.logs.level", Type: Enum, Values: []string{"debug", "info", "warn", "error"}, Default: "info",
			Meaning: "Ours. The least severe message that is logged."},
		{Name: "goosefs.logs.format", Type: Enum, Values: []string{"text", "json"}, Default: "text",
			Meaning: "Ours. How a log line is written."},
		{Name: "goosefs.profile.address",
			Meaning: "Ours. Where a process serves profiles of itself (Go's net/http/pprof), as host:port with a host that only this machine reaches, such as 127.0.0.1:6060; port 0 lets the kernel choose, and the log says which. Not set: nowhere."},
		{Name: "goosefs.network.hosts", Type: Hosts,
			Meaning: "Ours. Addresses of host names, as name=address,name=address. Asked before /etc/hosts and DNS."},
		{Name: "goosefs.network.connect.timeout", Type: Duration, Default: "3s",
			Meaning: "Ours. The longest time that one attempt to reach another process may take."},
	}
}
