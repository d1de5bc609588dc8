// A client of Licode's by hand: the layer that Licode puts on Socket.IO.

import io4 from 'socket.io-client';
import io2 from 'socket.io-client-2';

/** The two generations of Socket.IO that Licode's clients have. */
export const generations = { 'socket.io-client 4.7.5': io4, 'socket.io-client 2.5.0': io2 };

/** A client; it is connected when `connected` has come. */
export class Client {
  constructor(io, tokenText, options = {}) {
    const token = JSON.parse(Buffer.from(tokenText, 'base64').toString());
    this.query = { ...options, ...token };
    this.next = 0;
    this.last = -1;
    this.pending = [];
    this.events = []; // [name, message], as they came
    this.problems = [];
    this.socket = io(`${token.secure ? 'wss' : 'ws'}://${token.host}`, {
      reconnection: true, reconnectionAttempts: 3, reconnectionDelay: 200, randomizationFactor: 0,
      transports: ['websocket'], forceNew: true, query: this.query,
    });
    this.manager = this.socket.io;
    for (const event of ['connected', 'onAddStream', 'onRemoveStream', 'onDataStream', 'onUpdateAttributeStream']) this.take(event);
    this.socket.on('socketgd_ack', ({ id }) => {
      this.pending = this.pending.filter((p) => p.number > id);
    });
    for (const event of ['connect_error', 'error']) this.socket.on(event, (e) => this.problems.push(e?.data ?? e?.message ?? e));
    this.socket.on('disconnect', (reason) => this.events.push(['disconnect', reason]));
    this.manager.on('reconnect', () => {
      this.events.push(['reconnect']);
      for (const p of this.pending) this.write(p);
    });
    this.manager.on('reconnect_failed', () => this.events.push(['reconnect_failed']));
  }

  take(event) {
    this.socket.on(event, ({ socketgd, msg }) => {
      if (socketgd <= this.last) return;
      this.last = socketgd;
      this.events.push([event, msg]);
      this.socket.emit('socketgd_ack', { id: socketgd });
      if (event === 'connected') {
        // As erizo.js does, so that attempts to come back say who comes.
        this.query.clientId = msg.clientId;
        if (this.manager.opts?.query) this.manager.opts.query = { ...this.manager.opts.query, ...this.query };
        if (this.manager.engine?.query) Object.assign(this.manager.engine.query, { clientId: msg.clientId });
      }
    });
  }

  write(p) {
    this.socket.emit(p.event, { socketgd: p.number, msg: p.msg }, p.answer);
  }

  /** Sends an event and gives what it is answered. */
  ask(event, msg) {
    return new Promise((resolve) => {
      const p = { number: this.next++, event, msg, answer: (...args) => resolve(args) };
      this.pending.push(p);
      this.write(p);
    });
  }

  /** What came under a name. */
  got(event) {
    return this.events.filter(([name]) => name === event).map(([, msg]) => msg);
  }

  /** Cuts the network, without a word. */
  cut() {
    this.manager.engine.transport.ws.close();
  }

  close() {
    this.socket.close();
  }
}
