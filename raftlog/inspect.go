package raftlog

import (
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
)

// Identity says whose a journal is.
type Identity struct {
	ClusterID uint64
	ID        uint64
	Members   []Member // everybody who ever was a member, as far as the heads of the journal's files tell
}

// Inspect reads whose journal a folder holds, without opening it; ok is false if it holds none.
func Inspect(dir string) (id Identity, ok bool, err error) {
	found, err := journals(dir)
	if err != nil || len(found) == 0 {
		return id, false, err
	}
	path := filepath.Join(dir, journalName(found[0]))
	segments, err := filepath.Glob(filepath.Join(path, "*.wal"))
	if err != nil {
		return id, false, fault("read journal", path, err)
	}
	if len(segments) == 0 {
		return id, false, damaged(path, 0, "the journal has no segments")
	}
	text, err := headOf(segments[0])
	if err != nil {
		return id, false, err
	}
	h, err := parseHeader(path, text)
	return Identity{h.Cluster, h.Member, h.Members}, err == nil, err
}

// headOf reads the metadata at the head of a segment: its second record.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	decoder := wal.NewDecoder(fileutil.NewFileReader(f))
	for range 2 {
		var rec walpb.Record
		at := decoder.LastOffset()
		if err := decoder.Decode(&rec); err != nil {
			return nil, damaged(path, at, err.Error())
		}
		switch rec.GetType() {
		case wal.CrcType:
			decoder.UpdateCRC(rec.GetCrc())
		case wal.MetadataType:
			return rec.GetData(), nil
		}
	}
	return nil, refuse(path, syscall.EIO, "a segment without a head; %s", wayOut)
}
