package wiretest

import (
	"testing"

	"goosefs/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }
