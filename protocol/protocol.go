// Package protocol holds the words that cross a socket or the bus: identifiers,
// the messages of the native signalling (client and controller), and the
// commands and events that a controller and a media worker exchange.
//
// It is pure data: types, their limits and their validation. docs/protocol.md
// tells the native signalling in prose, for whoever writes a client.
package protocol

// Version is the version of the native signalling. A client names the version
// that it speaks when it joins; a server refuses one that it does not know.
const Version = 1
