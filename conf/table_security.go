package conf

// securityProperties are those about who a caller is and what he may do.
func securityProperties() []Property {
	return []Property{
		{Name: "goosefs.security.authentication.type", Ignored: "Not built yet: authentication. Nobody is asked who he is.", Meaning: "Not built yet: authentication. Nobody is asked who he is."},
		{Name: "goosefs.security.login.username", Ignored: "Not built yet: authentication. Nobody is asked who he is.", Meaning: "Not built yet: authentication. Nobody is asked who he is."},
		{Name: "goosefs.security.authorization.permission.enabled", Type: Bool, Default: "true", Scope: Master,
			Meaning: "Whether owner, group and mode of files are obeyed."},
		{Name: "goosefs.security.authorization.permission.umask", Type: Octal, Default: "022", Scope: Client,
			Meaning: "The permissions that new files and folders do not get, in octal."},
		{Name: "goosefs.security.authorization.permission.supergroup", Ignored: "Not built yet: authorization. The mount obeys modes by itself.", Meaning: "Not built yet: authorization. The mount obeys modes by itself."},
	}
}
