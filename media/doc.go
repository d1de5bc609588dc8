// Package media is the media worker: it owns the sockets, the transports and
// the routers of the rooms that controllers give it, and moves packets.
//
// A Worker has one shard per core. A shard is one goroutine with one UDP
// socket and the rooms that live on it; everything of a room happens on its
// shard's goroutine, so a packet takes no lock on its way, but that of its
// connection if it leaves by ICE-TCP. A room that is too big for one shard has a
// part on each of several, with a router and some of the participants, and pipes
// between them. Other goroutines reach a shard through its mailbox only. The worker hears commands and tells events over the bus, in messages only
// (package protocol); it shares no memory with a controller.
//
// What a room's packets do is decided by the pure sfu.Router; what a transport
// is, by package transport; media only tells them what happened and when.
package media
