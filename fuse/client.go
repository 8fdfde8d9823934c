package fuse

import "goosefs/client"

// FromClient shows what a client sees.
func FromClient(f *client.FS) Tree { return clientTree{f} }

type clientTree struct{ *client.FS }

func (t clientTree) OpenInfo(info client.Info) File { return t.FS.OpenInfo(info) }
