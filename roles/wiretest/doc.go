// Package wiretest tests what masters and workers say to programs that are not ours: GooseFS's official clients, call by call
// and as they were recorded, and clients that mean harm. Its clusters run in one process, and its clients speak bare gRPC.
package wiretest
