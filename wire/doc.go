// Package wire is the language that goosefs's processes speak: the generated code of GooseFS's own protocol (pb) and
// of ours (clusterpb), the two-way table between errors and gRPC statuses, and the network they run over.
//
// An error is an [io/fs.PathError] around a [syscall.Errno], made where it happens. [Status] turns it into a gRPC
// status with the code and the text that GooseFS's clients match on; [FromStatus] turns what a server said back into
// an error with the same errno and the same text. Nothing else in the project looks at gRPC codes.
//
// Addresses are host:port. A [Network] resolves the host: [TCP] by a static table first and DNS after, [Memory]
// by the names that its hosts listen under.
package wire

// MediumTier names the tier of a worker address that tells on which medium a block is cached, MEM, SSD or HDD. An
// address without it is of the worker to ask, which may not hold the block yet. GooseFS's clients ignore it.
const MediumTier = "medium"

// SocketTier names the tier of a worker address that tells where the worker hands out descriptors on its host. It stands
// at the first block of a file only. It is not in the address's domainSocketPath: what is there GooseFS's own clients on
// that host take for a gRPC server of the worker, and would fail on ours.
const SocketTier = "goosefs.socket"
