package wiretest

import (
	"testing"
)

// FuzzCalls sends bytes to every call of the services that clients know: whatever they are, the cluster does not panic.
func FuzzCalls(f *testing.F) {
	s := besieged(f)
	methods := s.methods()
	f.Add(uint8(0), []byte{}, []byte{})
	f.Add(uint8(1), []byte("\x0a\x05/well"), []byte{0xff})
	f.Add(uint8(200), []byte("\x08\x01\x10\x05"), []byte("\x38\x05"))
	f.Fuzz(func(t *testing.T, which uint8, first, second []byte) {
		_ = methods[int(which)%len(methods)].call(t.Context(), first, second)
	})
}
