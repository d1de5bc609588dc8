// Package transport is the edge of the media engine towards a peer's browser:
// everything between a datagram of the network and a plain RTP, RTCP or data
// channel message.
//
// It consists of parts which the loop of a shard puts together:
//
//   - [UDP], [Batch] and [Writer]: a socket that is read and written in
//     batches; on Linux by recvmmsg, sendmmsg and UDP_SEGMENT, elsewhere by
//     plain reads and sends behind the same types. [ListenShards] opens the
//     sockets of all shards of a worker.
//   - [TCP] and [TCPConn]: passive ICE-TCP (RFC 6544) with the framing of RFC
//     4571, whose sends never block.
//   - [Classify] tells STUN, DTLS, RTP and RTCP apart (RFC 7983, RFC 5761);
//     [UfragOf] names the agent that a connectivity check is meant for.
//   - [Agent]: the ICE-lite agent of one transport (RFC 8445), a plain value
//     that is told the time; [LocalCandidates] says what to advertise for it.
//   - [Handshake] is the DTLS server of one transport and, once its library is
//     done, the record layer; [Inbound] and [Outbound] open and seal SRTP and
//     SRTCP with its [Keys]; [Channels] are data channels over its records.
//
// A [Path] is where a datagram came from, and so where answers go. Sockets
// never interpret what they carry, and a path proves nothing: only
// [Agent.HandleSTUN] validates one.
//
// The package does not gather reflexive or relayed candidates and never
// resolves names: a server is reached at its own addresses.
package transport
