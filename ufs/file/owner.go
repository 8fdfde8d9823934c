package file

import (
	"os/user"
	"strconv"
	"sync"
)

// owners turns ids into names, each looked up once. An id without a name is its digits.
type owners struct {
	users, groups sync.Map // uint32 → string
}

func (o *owners) user(id uint32) string {
	return remember(&o.users, id, func(digits string) (string, error) {
		u, err := user.LookupId(digits)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (o *owners) group(id uint32) string {
	return remember(&o.groups, id, func(digits string) (string, error) {
		g, err := user.LookupGroupId(digits)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func remember(known *sync.Map, id uint32, look func(string) (string, error)) string {
	if name, ok := known.Load(id); ok {
		return name.(string)
	}
	digits := strconv.FormatUint(uint64(id), 10)
	name, err := look(digits)
	if err != nil || name == "" {
		name = digits
	}
	known.Store(id, name)
	return name
}
