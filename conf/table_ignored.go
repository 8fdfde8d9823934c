package conf

func ignoredProperties() []Property { return nil }
