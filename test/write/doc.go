// Package write tells stories of files that clients write, on a whole cluster in one process: real masters, real workers,
// a real folder as the under file system. What was written is read back by other clients, byte for byte, and looked for in
// the folder; who dies, cancels or lies leaves nothing behind that anybody sees.
package write
