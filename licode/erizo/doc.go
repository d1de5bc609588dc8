// Package erizo is one client of Licode's (its browser library, erizo.js) as a
// machine. Towards the client it is what Licode's ErizoController and ErizoJS are;
// towards us it is an ordinary participant that speaks the native signalling.
//
// A Client is told what happens and when, by one owner at a time, and puts what
// follows into a list that the owner takes with Effects:
//
//	c := erizo.New(erizo.Config{…})
//	c.Joined(now, joined)                  // the native snapshot
//	c.FromClient(now, event, msg, ack)     // an event of the client
//	c.FromRoom(now, typ, data)             // an event of the native session
//	c.Answered(now, number, data, err)     // the answer to a Request
//	c.Stats(now, ticket, of)               // the answer to ReadStats
//	c.Hinted(now, hint)                    // a Hint of another Client of the room
//	if at := c.Timer(); !at.IsZero() { … } // when Advance is due
//	c.Advance(now)
//	for _, e := range c.Effects() { … }
//
//	The rule: after each call, take the Effects and carry them out in their order.
//
// The order matters: Licode's client makes its connection when it reads the
// acknowledgement of publish or subscribe, and loses what comes before that.
//
// What the owner has to do:
//
//   - It joins the room as a participant and calls Joined. The participant's id is
//     the clientId that the client learns, by which it reconnects.
//   - It takes frames apart: FromClient gets the msg of an event of Licode's, without the
//     numbers of its reliable layer, and the id of the Socket.IO acknowledgement that
//     the client waits for, or NoAck. Every event that asks for one gets exactly one Ack.
//     What it gets is at most MaxPayload bytes.
//   - Emit is an event for the client, to be numbered and kept until it is acknowledged.
//   - Request is a request of the native session. Numbers count from 1 without a gap, so
//     they can be the numbers of its frames. Each is answered by one Answered.
//   - After Disconnect the client's socket is to be closed for good; nothing follows.
//   - When the client is gone for good, the owner ends the native session by itself.
//
// The package has no goroutine, lock, socket or clock. It does not read the frames
// of Socket.IO, check tokens, or know how a client reconnects.
package erizo
