package conf

// securityProperties are those about who a caller is and what he may do.
func securityProperties() []Property {
	return []Property{
		{Name: "goosefs.security.authentication.type", Type: Enum, Values: []string{"NOSASL", "SIMPLE"}, Default: "SIMPLE",
			Meaning: "SIMPLE: a caller says who he is, and is believed. NOSASL: nobody is asked."},
		{Name: "goosefs.security.login.username", Scope: Client,
			Meaning: "Who a client says it is. Not set: the user that runs it."},
		{Name: "goosefs.security.authorization.permission.enabled", Type: Bool, Default: "true", Scope: Master,
			Meaning: "Whether owner, group and mode of files are obeyed."},
		{Name: "goosefs.security.authorization.permission.umask", Type: Octal, Default: "022", Scope: Client,
			Meaning: "The permissions that new files and folders do not get, in octal."},
		{Name: "goosefs.security.authorization.permission.supergroup", Default: "supergroup", Scope: Master,
			Meaning: "Members of this group may do everything."},
	}
}
