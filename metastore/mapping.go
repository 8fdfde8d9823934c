package metastore

import (
	"os"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const (
	// mappedMost is how much of the database may count as this process's memory.
	// Pages of the mapping that were read stay resident, in the end all of them.
	mappedMost = 512 << 20

	mappedCheck = 10 * time.Second
)

// trimMapping takes the pages of the database out of this process's memory if
// there are more than most, in bytes. They stay in the kernel's page cache, which
// takes them back when it needs room; who reads one again maps it again. It says
// whether it did so.
func trimMapping(db *bbolt.DB, most int64) bool {
	if residentFile() <= most {
		return false
	}
	info, err := os.Stat(db.Path())
	if err != nil {
		return false
	}
	page := int64(os.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, db.Info().Data, uintptr(info.Size()/page*page), unix.MADV_DONTNEED)
	return errno == 0 // an error leaves all as it is
}

// residentFile is how many bytes of mapped files are in this process's memory; 0
// if the kernel does not say.
func residentFile() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
