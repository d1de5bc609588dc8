// A client of ours that speaks Licode's protocol (docs/from-licode.md says where
// it comes from) with npm's socket.io-client and RTCPeerConnection. Its surface is
// the part of Licode's API that the tests and examples/basic use, so that they run
// on it as they run on an erizo.js. Unlike that, it sends again what was not
// acknowledged when the socket was cut, as the protocol has it.

(() => {
  class Events {
    #listeners = new Map();

    on(type, listener) {
      this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    }

    emit(type, more) {
      for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...more });
    }
  }

  /** Numbers what it sends, and sends again what was not acknowledged; drops what it has seen. */
  class Reliable {
    #socket;
    #sent = 0;
    #seen = -1;
    #pending = [];

    constructor(socket) {
      this.#socket = socket;
      socket.on('socketgd_ack', ({ id }) => {
        this.#pending = this.#pending.filter((message) => message.id > id);
      });
    }

    on(event, listener) {
      this.#socket.on(event, (wrapped) => {
        if (wrapped.socketgd <= this.#seen) return;
        this.#seen = wrapped.socketgd;
        this.#socket.emit('socketgd_ack', { id: wrapped.socketgd });
        listener(wrapped.msg);
      });
    }

    /** Sends, and gives what the acknowledgement says. */
    ask(event, msg) {
      return new Promise((resolve) => this.#keep({ id: this.#sent++, event, msg, ack: (...said) => resolve(said) }));
    }

    /** Sends without a wish to know: a null is where the acknowledgement would be. */
    tell(event, msg) {
      this.#keep({ id: this.#sent++, event, msg, ack: null });
    }

    #keep(message) {
      this.#pending.push(message);
      if (this.#socket.connected) this.#send(message);
    }

    #send({ id, event, msg, ack }) {
      this.#socket.emit(event, { socketgd: id, msg }, ack);
    }

    resend() {
      for (const message of this.#pending) this.#send(message);
    }
  }

  /** One RTCPeerConnection. `tell` takes what is to be signalled. */
  class Connection {
    streams = new Map();

    constructor(room, id, tell) {
      Object.assign(this, { room, id, tell });
      const pc = new RTCPeerConnection({ iceServers: room.iceServers, bundlePolicy: 'max-bundle' });
      this.pc = pc;
      pc.onnegotiationneeded = () => this.#offer();
      pc.onicecandidate = ({ candidate }) => {
        const end = { sdpMLineIndex: -1, sdpMid: 'end', candidate: 'end' };
        const { sdpMLineIndex, sdpMid, candidate: line } = candidate ?? {};
        this.tell({ type: 'candidate', candidate: candidate ? { sdpMLineIndex, sdpMid, candidate: `a=${line}` } : end });
      };
      pc.ontrack = ({ streams: [media] }) => {
        // The id of the MediaStream is the label of the stream.
        this.streams.get(media.id)?.arrived(media);
        media.onremovetrack = () => {
          if (media.getTracks().length === 0) this.streams.get(media.id)?.departed();
        };
      };
    }

    async #offer() {
      await this.pc.setLocalDescription();
      const { type, sdp } = this.pc.localDescription;
      this.tell({ type, sdp });
    }

    async take(message) {
      if (message.type === 'offer' || message.type === 'answer') {
        await this.pc.setRemoteDescription(message);
        if (message.type === 'offer') await this.#offer();
      } else if (message.type === 'candidate') {
        const { candidate, sdpMid, sdpMLineIndex } = typeof message.candidate === 'string' ? JSON.parse(message.candidate) : message.candidate;
        if (candidate !== 'end') await this.pc.addIceCandidate({ candidate: candidate.replace('a=', ''), sdpMid, sdpMLineIndex: Number(sdpMLineIndex) });
      } else if (message.type === 'failed') {
        this.room.emit('connection-failed', { connection: this });
      }
    }

    send(stream, layers) {
      const scale = (i) => 2 ** (layers - 1 - i);
      stream.transceivers = stream.stream.getTracks().map((track) =>
        this.pc.addTransceiver(track, {
          direction: 'sendrecv',
          streams: [stream.stream],
          ...(track.kind === 'video' && { sendEncodings: Array.from({ length: layers }, (_, i) => ({ rid: String(i + 1), scaleResolutionDownBy: scale(i) })) }),
        }),
      );
    }

    close() {
      this.pc.close();
    }
  }

  class Stream extends Events {
    state = 'unsubscribed';

    constructor(spec) {
      super();
      this.spec = spec;
      this.stream = spec.stream;
      this.local = spec.local ?? true;
    }

    getID = () => this.spec.streamID ?? 'local';
    getLabel = () => this.stream?.id ?? this.spec.label;
    getAttributes = () => this.spec.attributes;
    hasMedia = () => Boolean(this.spec.audio || this.spec.video || this.spec.screen);

    async init() {
      const { audio, video, screen } = this.spec;
      try {
        if (screen) this.stream = await navigator.mediaDevices.getDisplayMedia({ audio, video });
        else if (this.hasMedia()) this.stream = await navigator.mediaDevices.getUserMedia({ audio, video });
        for (const track of this.stream?.getTracks() ?? []) track.onended = () => this.emit('stream-ended', { stream: this, msg: track.kind });
        this.emit('access-accepted', {});
      } catch (error) {
        this.emit('access-denied', { msg: error });
      }
    }

    sendData(msg) {
      this.room.wire.tell('sendDataStream', { id: this.getID(), msg });
    }

    setAttributes(attrs) {
      this.spec.attributes = attrs;
      this.room.wire.tell('updateStreamAttributes', { id: this.getID(), attrs });
    }

    updateConfiguration(config) {
      this.room.wire.ask('streamMessage', { options: { streamId: this.getID(), erizoId: this.erizoId, msg: { type: 'updatestream', config } } });
    }

    #muted = { audio: false, video: false };

    #mute(kind, muted) {
      this.#muted[kind] = muted;
      for (const track of this.stream.getTracks()) if (track.kind === kind) track.enabled = !muted;
      this.updateConfiguration({ muteStream: { ...this.#muted } });
    }

    muteAudio = (muted) => this.#mute('audio', muted);
    muteVideo = (muted) => this.#mute('video', muted);

    /** Its media have come, by whichever connection. */
    arrived(media) {
      this.stream = media;
      if (this.state === 'subscribed') return;
      this.state = 'subscribed';
      this.room.emit('stream-subscribed', { stream: this });
    }

    /** Its media have gone: that and the acknowledgement make it unsubscribed. */
    departed() {
      this.gone = true;
      this.maybeUnsubscribed();
    }

    maybeUnsubscribed() {
      if (!this.gone || !this.left) return;
      this.left = this.gone = false;
      this.state = 'unsubscribed';
      delete this.stream;
      this.room.emit('stream-unsubscribed', { stream: this });
    }

    stopTracks() {
      for (const track of this.stream?.getTracks() ?? []) {
        track.onended = null;
        track.stop();
      }
    }
  }

  class Room extends Events {
    localStreams = new Map();
    remoteStreams = new Map();
    #connections = new Map();

    constructor({ token }) {
      super();
      this.token = JSON.parse(atob(token));
    }

    connect(options = {}) {
      const { token } = this;
      const query = { ...options, ...token };
      const socket = io(`${token.secure ? 'wss' : 'ws'}://${token.host}`, {
        query,
        transports: ['websocket'],
        forceNew: true,
        reconnectionAttempts: 3,
        reconnectionDelay: 1000,
        reconnectionDelayMax: 4000,
      });
      this.wire = new Reliable(socket);
      this.socket = socket;

      // In Socket.IO 2 the manager's events come by the socket as well, in 4 they do not.
      const manager = socket.io;
      manager.on('reconnect_attempt', () => {
        manager.opts.query = { ...query, clientId: this.clientId };
      });
      manager.on('reconnect_failed', () => this.#gone('unexpected-disconnection'));
      const refused = (error) => {
        const reason = typeof error === 'string' ? error : error.data;
        // Of somebody who was in, each attempt to come back that fails is told.
        if (typeof reason !== 'string' && this.clientId === undefined) return;
        this.emit('room-error', { message: typeof reason === 'string' ? reason.replace('token: ', '') : undefined });
        if (this.clientId === undefined) socket.close();
      };
      socket.on('connect_error', refused);
      socket.on('error', refused);
      socket.on('disconnect', () => this.emit('room-reconnecting', {}));
      socket.on('connect', () => {
        if (this.clientId === undefined) return;
        this.emit('room-reconnected', {});
        this.wire.resend();
      });

      addEventListener('beforeunload', () => {
        this.wire.tell('clientDisconnection');
        socket.close();
      });

      this.wire.on('connected', (said) => this.#entered(said));
      this.wire.on('onAddStream', (spec) => {
        if (this.remoteStreams.has(spec.id)) return;
        this.emit('stream-added', { stream: this.#remote(spec, this.localStreams.has(spec.id)) });
      });
      this.wire.on('onRemoveStream', ({ id }) => {
        const own = this.localStreams.get(id);
        if (own) {
          this.emit('stream-failed', { stream: own, msg: 'Stream removed from server', origin: 'server' });
          this.unpublish(own);
        } else if (this.remoteStreams.has(id)) {
          const stream = this.remoteStreams.get(id);
          this.#drop(stream);
          this.remoteStreams.delete(id);
          this.emit('stream-removed', { stream });
        }
      });
      this.wire.on('onDataStream', ({ id, msg }) => {
        const stream = this.remoteStreams.get(id);
        stream?.emit('stream-data', { stream, msg });
      });
      this.wire.on('onUpdateAttributeStream', ({ id, attrs }) => {
        const stream = this.remoteStreams.get(id);
        if (!stream) return;
        stream.spec.attributes = attrs;
        stream.emit('stream-attributes-update', { stream, attrs });
      });
      this.wire.on('onBandwidthAlert', ({ streamID, message, bandwidth }) => {
        const stream = this.remoteStreams.get(streamID);
        stream?.emit('bandwidth-alert', { stream, msg: message, bandwidth });
      });
      this.wire.on('connection_message_erizo', ({ connectionId, evt }) => {
        if (evt.type === 'quality_level') this.emit('quality-level', { message: ['very-low', 'low', 'good'][evt.level] });
        else for (const connection of this.#connections.values()) if (connection.id === connectionId) connection.take(evt);
      });

      // Straight between browsers: the server only passes on.
      this.wire.on('publish_me', ({ streamId, peerSocket }) => this.#direct(streamId, peerSocket).send(this.localStreams.get(streamId), 1));
      this.wire.on('unpublish_me', ({ streamId, peerSocket }) => this.#close(`${streamId} ${peerSocket}`));
      this.wire.on('stream_message_p2p', ({ streamId, peerSocket, msg }) => {
        const known = this.#connections.get(`${streamId} ${peerSocket}`);
        const connection = known ?? this.#direct(streamId, peerSocket);
        if (!known) {
          const stream = this.remoteStreams.get(streamId);
          stream.connection = connection;
          connection.streams.set(stream.getLabel(), stream);
        }
        connection.take(msg);
      });
    }

    #entered({ id, clientId, streams, singlePC, p2p, iceServers, defaultVideoBW, maxVideoBW }) {
      Object.assign(this, { roomID: id, clientId, p2p, iceServers, singlePC, defaultVideoBW, maxVideoBW });
      this.emit('room-connected', { streams: streams.map((spec) => this.#remote(spec, false)) });
    }

    #remote({ id, ...spec }, local) {
      const stream = new Stream({ ...spec, streamID: id, local });
      stream.room = this;
      this.remoteStreams.set(id, stream);
      return stream;
    }

    /** The connection for a stream: one for each, or one for each direction at a worker. */
    #connection(stream, erizoId, connectionId, direction) {
      const key = this.singlePC ? `${erizoId} ${direction}` : connectionId;
      if (!this.#connections.has(key)) {
        const tell = (msg) => this.wire.ask('connectionMessage', { options: { connectionId, erizoId, msg } });
        this.#connections.set(key, new Connection(this, connectionId, tell));
      }
      stream.erizoId = erizoId;
      stream.connection = this.#connections.get(key);
      return stream.connection;
    }

    #direct(streamId, peerSocket) {
      const key = `${streamId} ${peerSocket}`;
      const tell = (msg) => this.wire.tell('streamMessageP2P', { options: { streamId, peerSocket, msg } });
      const connection = new Connection(this, key, tell);
      this.#connections.set(key, connection);
      return connection;
    }

    #close(key) {
      this.#connections.get(key)?.close();
      this.#connections.delete(key);
    }

    /** Takes a stream off its connection, which closes unless it serves others too. */
    #drop({ connection, stream, transceivers = [] }) {
      if (!connection) return;
      connection.streams.delete(stream?.id);
      for (const transceiver of transceivers) {
        if (transceiver.mid === '0') connection.pc.removeTrack(transceiver.sender);
        else transceiver.stop();
      }
      if (!this.singlePC) for (const [key, one] of this.#connections) if (one === connection) this.#close(key);
    }

    async publish(stream, options = {}, callback = () => {}) {
      const { audio = false, video = false, data = false, screen, attributes } = stream.spec;
      const state = !stream.hasMedia() ? 'data' : this.p2p ? 'p2p' : 'erizo';
      const maxVideoBW = Math.min(options.maxVideoBW ?? this.defaultVideoBW, this.maxVideoBW);
      const [id, ...more] = await this.wire.ask('publish', {
        options: {
          state,
          data,
          audio: audio !== false,
          video: video !== false,
          screen,
          label: stream.getLabel(),
          attributes,
          metadata: options.metadata,
          encryptTransport: true,
          muteStream: { audio: false, video: false },
          ...(state === 'erizo' && { minVideoBW: options.minVideoBW ?? 0, maxVideoBW, scheme: options.scheme }),
        },
      });
      if (id === null) {
        callback(undefined, more.at(-1));
        return;
      }
      stream.spec.streamID = id;
      stream.room = this;
      this.localStreams.set(id, stream);
      if (state === 'erizo') this.#connection(stream, more[0], more[1], 'publish').send(stream, options.simulcast?.numSpatialLayers ?? 1);
      callback(id);
    }

    async unpublish(stream, callback = () => {}) {
      const id = stream.getID();
      this.localStreams.delete(id);
      this.#drop(stream);
      stream.stopTracks();
      delete stream.spec.streamID;
      const [result, error] = await this.wire.ask('unpublish', id);
      callback(result ?? undefined, error);
    }

    async subscribe(stream, options = {}, callback = () => {}) {
      if (stream.local || stream.state !== 'unsubscribed') {
        callback(undefined, stream.local ? 'Local copy of stream' : 'Stream already subscribed');
        return;
      }
      stream.state = 'subscribing';
      const { audio, video, screen, data } = stream.spec;
      const streamId = stream.getID();
      const constraint = options.video && typeof options.video === 'object' ? options.video : (options.video ?? true) && Boolean(video || screen);
      const wish = this.p2p || !stream.hasMedia() ? { streamId, data: options.data } : {
        streamId,
        audio: (options.audio ?? true) && Boolean(audio),
        video: constraint,
        data: (options.data ?? true) && Boolean(data),
        maxVideoBW: options.maxVideoBW ?? this.defaultVideoBW,
        browser: 'chrome-stable',
        slideShowMode: options.slideShowMode,
        encryptTransport: true,
        muteStream: { audio: false, video: false },
      };
      const asked = this.wire.ask('subscribe', { options: wish });
      // In a p2p room the answer is the publisher's offer.
      const [result, ...more] = this.p2p ? [true] : await asked;
      if (result === null) {
        stream.state = 'unsubscribed';
        callback(undefined, more.at(-1));
      } else {
        if (stream.hasMedia() && !this.p2p) this.#connection(stream, more[0], more[1], 'subscribe').streams.set(stream.getLabel(), stream);
        else if (!stream.hasMedia()) this.emit('stream-subscribed', { stream });
        callback(true);
      }
    }

    async unsubscribe(stream, callback = () => {}) {
      const asked = this.wire.ask('unsubscribe', stream.getID());
      const [result, error] = await asked;
      if (result === null) {
        callback(undefined, error);
        return;
      }
      stream.left = true;
      // With a connection of its own, the connection goes.
      if (!this.singlePC) {
        this.#drop(stream);
        stream.gone = true;
      }
      stream.maybeUnsubscribed();
      callback(true);
    }

    async getStreamStats(stream, callback = () => {}) {
      const [stats] = await this.wire.ask('getStreamStats', stream.getID());
      if (stats) callback(stats);
    }

    disconnect() {
      this.wire.tell('clientDisconnection');
      this.#gone('expected-disconnection');
    }

    #gone(message) {
      this.socket.off('disconnect');
      this.socket.close();
      for (const key of [...this.#connections.keys()]) this.#close(key);
      for (const stream of this.localStreams.values()) stream.stopTracks();
      this.localStreams.clear();
      this.remoteStreams.clear();
      this.emit('room-disconnected', { message });
    }
  }

  globalThis.Erizo = { Room: (spec) => new Room(spec), Stream: (spec) => new Stream(spec), Logger: { setLogLevel() {}, NONE: 5, WARNING: 3 } };
})();
