// Loaded first: keeps the connections and the sockets, which the library keeps
// for itself, and cuts the sockets when a test says so.

const connections = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    connections.push(this);
  }
};

const sockets = [];
let dark = false;
globalThis.WebSocket = class extends WebSocket {
  constructor(url, ...more) {
    // In the dark, nobody is there.
    super(dark ? 'ws://127.0.0.1:9/' : url, ...more);
    sockets.push(this);
  }
};
