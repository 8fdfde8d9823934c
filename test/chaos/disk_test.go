package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// diskKind is what a master's folder lies on.
type diskKind int

const (
	folder   diskKind = iota // of the machine's own file system
	device                   // an ext4 on a loop device, whose power can be cut
	memory                   // a small tmpfs, which can be full
	deviceMB = 320
	memoryMB = 400
)

// disk is a folder that a master keeps its journal and its database in.
type disk struct {
	kind  diskKind
	dir   string
	image string // of a device
}

func newDisk(kind diskKind, dir string) (*disk, error) {
	d := &disk{kind: kind, dir: dir, image: dir + ".img"}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	switch kind {
	case device:
		if err := os.WriteFile(d.image, nil, 0o644); err != nil {
			return nil, err
		}
		if err := os.Truncate(d.image, deviceMB<<20); err != nil {
			return nil, err
		}
		if _, err := command("mkfs.ext4", "-q", "-E", "nodiscard", d.image); err != nil {
			return nil, err
		}
		return d, d.mount()
	case memory:
		_, err := command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", memoryMB), "goosefs-chaos", dir)
		return d, err
	}
	return d, nil
}

func (d *disk) mount() error {
	_, err := command("mount", "-o", "loop", d.image, d.dir)
	return err
}

func (d *disk) unmount() error {
	_, err := command("umount", d.dir)
	return err
}

func (d *disk) remove() error {
	var err error
	if d.kind != folder {
		err = d.unmount()
	}
	return errors.Join(err, os.RemoveAll(d.image), os.RemoveAll(d.dir))
}

// shutdownRequest is FS_IOC_SHUTDOWN, _IOR('X', 125, __u32), the same for ext4, xfs and f2fs.
const shutdownRequest = 2<<30 | 4<<16 | 'X'<<8 | 125

// cutPower makes the disk forget everything that is not on the device yet. Afterwards nothing can be read or written
// until it is mounted anew.
func (d *disk) cutPower() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	noLogFlush := uint32(2)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdownRequest, uintptr(unsafe.Pointer(&noLogFlush))); errno != 0 {
		return fmt.Errorf("shut %s down: %w", d.dir, errno)
	}
	return nil
}

// restore mounts a disk whose power was cut. Nobody may use it.
func (d *disk) restore() error {
	if err := d.unmount(); err != nil {
		return err
	}
	return d.mount()
}

// filler is a file that takes all the space there is.
func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes all the space of the disk. release gives it back.
func (d *disk) fill() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	for size, piece := int64(0), int64(16<<20); piece >= 4096; {
		switch err := unix.Fallocate(int(f.Fd()), 0, size, piece); err {
		case nil:
			size += piece
		case unix.ENOSPC:
			piece /= 2
		case unix.EINTR:
		default:
			return fmt.Errorf("fill %s: %w", d.dir, err)
		}
	}
	return nil
}

func (d *disk) release() error {
	if err := os.Remove(d.filler()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
