package conf

// securityProperties are those about who a caller is and what he may do.
func securityProperties() []Property {
	return []Property{
		{Name: "goosefs.security.authentication.type", Env: "GOOSEFS_AUTH_TYPE", Type: Enum, Values: []string{"NOSASL", "SIMPLE"}, Default: "SIMPLE",
			Meaning: "How callers say who they are: NOSASL, not at all; SIMPLE, by name, which is believed. With SIMPLE, masters and workers refuse calls of those who said nothing. A process that has SIMPLE gets on with servers that have NOSASL."},
		{Name: "goosefs.security.login.username", Env: "GOOSEFS_AUTH_USERNAME",
			Meaning: "The user that a process calls masters and workers as, who owns what it creates. Not set: the user that it runs as."},
		{Name: "goosefs.security.login.impersonation.username", Default: "_NONE_",
			Meaning: "The user whose rights a process wants instead of its own; masters and workers must allow it. `_NONE_`, and `_HDFS_USER_`, which only Hadoop has: nobody."},
		{Name: "goosefs.master.security.impersonation.{user}.users", Type: List, Template: true,
			Meaning: "For whom {user} may act: users, or `*` for all. Read by masters and workers."},
		{Name: "goosefs.master.security.impersonation.{user}.groups", Type: List, Template: true,
			Meaning: "For whom {user} may act: those who are in one of the groups; `*` for all. Read by masters and workers."},
		{Name: "goosefs.worker.security.lost.sessions.accepted", Type: Bool, Default: "true", Scope: Worker,
			Meaning: "Ours. Whether a worker takes the bytes of a file from a client whose session it does not know, as after its own restart: official clients do not authenticate again when they write."},
		{Name: "goosefs.security.group.mapping.class", Default: "ShellBasedUnixGroupsMapping",
			Meaning: "Where the groups of a user are looked up, with or without the package of the class: ShellBasedUnixGroupsMapping, on the host of the master; IdentityUserGroupsMapping, nowhere: a user is in one group, which has his name."},
		{Name: "goosefs.security.group.mapping.cache.timeout", Type: Duration, Default: "1min",
			Meaning: "How long the groups of a user are remembered."},
		{Name: "goosefs.security.authorization.permission.enabled", Type: Bool, Default: "false",
			Meaning: "Whether masters obey owner, group and mode of files, and masters and workers keep administration for superusers. All need the same. It needs the authentication SIMPLE. `goosefs fs ls` shows them unless this is set to false."},
		{Name: "goosefs.security.authorization.permission.umask", Type: Octal, Default: "022", Scope: Client,
			Meaning: "The permissions that new files and folders do not get, in octal."},
		{Name: "goosefs.security.authorization.permission.supergroup", Default: "supergroup",
			Meaning: "Who is in this group may do everything, as may the user that the master, or the worker, is (goosefs.security.login.username, or who it runs as)."},
	}
}
