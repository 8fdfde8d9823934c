package wire

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// relayKey marks, in a call's metadata, a question that one worker passes on to another.
const relayKey = "goosefs-relayed"

// Relaying is a context whose calls say that they pass a question on: who is asked so passes it to nobody.
func Relaying(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, relayKey, "1")
}

// Relayed says of a call that is served that it was passed on.
func Relayed(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, relayKey)) > 0
}
