package wire

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// knownKey is the metadata of a call that [Known] makes. Official clients never send it.
const knownKey = "goosefs-known"

// Known makes a call about names ask only for what the masters know, without a look into an under file system. Then any
// master answers it, leading or not, and the answer is as good as the leader's: the master first makes sure that it
// knows all that anybody was told before the call. One that cannot say answers as a standby does.
func Known(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, knownKey, "1")
}

// AsksForKnown says whether the caller of a server's handler made its context with [Known].
func AsksForKnown(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, knownKey)) > 0
}
