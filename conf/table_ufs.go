package conf

// ufsProperties are those of under file systems. They may be set for all mounts
// here, and for one mount by an option of the mount.
func ufsProperties() []Property {
	return []Property{
		{Name: "goosefs.underfs.web.connection.timeout", Aliases: []string{"goosefs.underfs.web.connnection.timeout"}, Type: Duration, Default: "60s",
			Meaning: "How long a web server may take to answer. (GooseFS writes connnection; both are read.)"},
		{Name: "goosefs.underfs.web.parent.names", Type: List, Default: "Parent Directory,..,../",
			Meaning: "Links of an index page with these texts lead upwards. (Ours goes by where a link leads; the texts are an addition.)"},
		{Name: "goosefs.underfs.web.titles", Type: List, Default: "Index of,Directory listing for",
			Meaning: "A page whose title begins so is an index page."},
		{Name: "goosefs.underfs.web.connections.max", Type: Int, Default: "32",
			Meaning: "Ours. How many connections one process opens to one web server."},
		{Name: "goosefs.underfs.{option}", Template: true, Meaning: "Any other option of an under file system; passed on as it is."},
		{Name: "fs.cosn.userinfo.secretId", Secret: true, Ignored: "Not built yet: COS.", Meaning: "Not built yet: COS."},
		{Name: "fs.cosn.userinfo.secretKey", Secret: true, Ignored: "Not built yet: COS.", Meaning: "Not built yet: COS."},
		{Name: "fs.cosn.bucket.region", Ignored: "Not built yet: COS.", Meaning: "Not built yet: COS."},
		{Name: "fs.cosn.bucket.endpoint_suffix", Ignored: "Not built yet: COS.", Meaning: "Not built yet: COS."},
		{Name: "aws.accessKeyId", Secret: true, Aliases: []string{"s3a.accessKeyId"}, Ignored: "Not built yet: S3.", Meaning: "Not built yet: S3."},
		{Name: "aws.secretKey", Secret: true, Aliases: []string{"s3a.secretKey"}, Ignored: "Not built yet: S3.", Meaning: "Not built yet: S3."},
	}
}
