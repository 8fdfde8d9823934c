// Package auth is who calls: GooseFS's authentication, which is SASL over gRPC, on both sides.
//
// A client that opens a connection calls authenticate, a stream, and says who it is (mechanism PLAIN: the name of a user,
// and a password that nobody looks at) and by which id its channel will be known. The server answers SUCCESS, and from then
// on every call that carries that id in its metadata is the user's, over whatever connection it comes. The session lasts as
// long as the stream: both sides keep it open, and neither says anything more on it.
//
// A server has a [Gate]: the service, and interceptors that find the session of a call and put its [Identity] into the
// context. A client has a [Login], which dials connections that authenticate by themselves, and again when the server was
// started anew. SIMPLE believes what it is told. It says who owns what, and keeps friends from each other's files by mistake;
// it keeps nobody out who wants in.
package auth
