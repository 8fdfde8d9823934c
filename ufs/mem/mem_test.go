package mem_test

import (
	"testing"

	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
)

func TestSuite(t *testing.T) {
	ufstest.Run(t, func(*testing.T) ufstest.Fixture {
		u := mem.New()
		return ufstest.Fixture{
			UFS:    u,
			Put:    func(_ testing.TB, name string, data []byte) { u.Put(name, data) },
			Mkdir:  func(_ testing.TB, name string) { u.MakeDir(name) },
			Remove: func(_ testing.TB, name string) { u.Delete(name) },
		}
	})
}

func TestCapacity(t *testing.T) {
	u := mem.New()
	u.Put("a/b", make([]byte, 1000))
	total, used, err := u.Capacity(t.Context())
	if err != nil || total != 1<<30 || used != 1000 {
		t.Errorf("total %d, used %d, %v", total, used, err)
	}
}
