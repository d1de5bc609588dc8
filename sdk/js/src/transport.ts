// One RTCPeerConnection: slots, senders, and a strictly serialised exchange of offers and answers.

import { offerData } from './data-section.js';
import type { Encoding, SendCodec } from './encodings.js';
import type { TertuliaError } from './errors.js';
import { maxSlots } from './protocol.js';
import { isConnected, Repair } from './repair.js';
import { Sending, shapeOf } from './sending.js';
import { Superseded } from './session.js';
import type { Signal } from './signal.js';
import type { Kind } from './words.js';

/** Slots come in steps of so many. */
const slotStep = 4;

/** What a transport needs of its room. */
export interface TransportHost {
  request: Signal['request'];
  /** Whether the signalling is there: without it, restarting ICE makes no sense. */
  live: () => boolean;
  channel: (channel: RTCDataChannel) => void;
  /** The connection changed; for indicators. */
  changed: () => void;
  /** The transport is beyond repair. */
  lost: () => void;
}

/** A promise that is settled from outside. */
interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** A transport of this participant. */
export class Transport {
  readonly name: string;
  readonly pc: RTCPeerConnection;
  readonly #host: TransportHost;
  #codecs: readonly string[] = [];
  #closed = false;

  readonly #slots: Record<Kind, number> = { audio: 0, video: 0 };
  readonly #byMid = new Map<string, RTCRtpTransceiver>();
  readonly #free: Sending[] = []; // senders without a track
  #data = false; // whether data channels are wanted

  // Negotiation: at most one runs; what is asked for meanwhile goes into the next offer.
  #dirty = false;
  #running = false;
  #nextOffer = deferred();
  #nextAnswer = deferred();
  #lastOffer: Promise<void> | undefined;
  #lastAnswer: Promise<void> = Promise.resolve();
  #offersMade = 0;

  readonly #repair: Repair;

  constructor(
    name: string,
    configuration: RTCConfiguration,
    host: TransportHost,
    slots: Readonly<Record<Kind, number>> = { audio: slotStep, video: slotStep },
  ) {
    this.name = name;
    this.#host = host;
    this.pc = new RTCPeerConnection({
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
      ...configuration,
    });
    this.#repair = new Repair({
      state: () => this.pc.iceConnectionState,
      live: host.live,
      restart: () => {
        this.pc.restartIce(); // stands until it is answered
        this.negotiate();
      },
      giveUp: () => this.#lose(),
    });
    this.pc.ondatachannel = (event) => host.channel(event.channel);
    this.pc.oniceconnectionstatechange = () => {
      this.#repair.watch();
      if (!this.#closed) host.changed();
    };
    this.pc.onconnectionstatechange = () => {
      // ICE has its own repair; a failed DTLS has none.
      if (this.pc.connectionState === 'failed' && this.pc.iceConnectionState !== 'failed') this.#lose();
      else host.changed();
    };
    this.addSlots(slots.audio, slots.video);
  }

  get connected(): boolean {
    return isConnected(this.pc.iceConnectionState);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many receiving slots there are. */
  get slots(): Readonly<Record<Kind, number>> {
    return this.#slots;
  }

  /** Begins to negotiate, now that the room's codecs and ICE servers are known. */
  start(codecs: readonly string[], iceServers: RTCIceServer[] | undefined): void {
    this.#codecs = codecs;
    if (iceServers && iceServers.length > 0) {
      this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
    }
    this.negotiate();
  }

  /** Asks for a new offer; what is asked for in one turn goes into one. */
  negotiate(): void {
    this.#dirty = true;
    if (!this.#running && !this.#closed) void this.#run();
  }

  /** Waits until an offer that has all that was added before is on its way. */
  offered(): Promise<void> {
    return this.#dirty || !this.#lastOffer ? this.#nextOffer.promise : this.#lastOffer;
  }

  /** Waits until all that was added before is negotiated. */
  answered(): Promise<void> {
    return this.#dirty ? this.#nextAnswer.promise : this.#lastAnswer;
  }

  /** Sees to it that there are so many receiving slots, in steps. */
  addSlots(audio: number, video: number): void {
    const wanted = { audio, video };
    for (const kind of ['audio', 'video'] as const) {
      const count = Math.min(maxSlots, Math.ceil(wanted[kind] / slotStep) * slotStep);
      for (; this.#slots[kind] < count; this.#slots[kind]++) {
        const slot = this.pc.addTransceiver(kind, { direction: 'recvonly' });
        restrictSlot(slot, kind);
        if (kind === 'video') describeDependencies(slot);
        this.#dirty = true;
      }
    }
    if (this.#dirty && this.#offersMade > 0) this.negotiate();
  }

  /** The browser's track of a slot. */
  slotTrack(mid: string): MediaStreamTrack | undefined {
    return this.#transceiver(mid)?.receiver.track;
  }

  /** The codec in which video will be sent: the room's first that this browser can send. */
  get videoCodec(): SendCodec {
    return sendCodec(RTCRtpSender.getCapabilities?.('video')?.codecs ?? [], this.#codecs);
  }

  /** Sends a track; its mid is known once offered(). */
  addSender(track: MediaStreamTrack | undefined, kind: Kind, encodings: readonly Encoding[]): Sending {
    const index = this.#free.findIndex(
      ({ transceiver, shape }) => transceiver.receiver.track.kind === kind && shape === shapeOf(encodings),
    );
    const [reused] = index >= 0 ? this.#free.splice(index, 1) : [];
    if (reused) {
      // Its m-section is there already: nothing is to be negotiated.
      const sending = new Sending(reused.transceiver, encodings);
      void sending.transceiver.sender.replaceTrack(track ?? null).catch(warn);
      void sending.apply();
      return sending;
    }
    const transceiver = this.#addTransceiver(track ?? kind, encodings);
    preferCodecs(transceiver, kind, this.#codecs);
    if (kind === 'video') describeDependencies(transceiver);
    this.negotiate();
    return new Sending(transceiver, encodings);
  }

  #addTransceiver(track: MediaStreamTrack | Kind, encodings: readonly Encoding[]): RTCRtpTransceiver {
    const add = (sendEncodings: Encoding[]): RTCRtpTransceiver =>
      this.pc.addTransceiver(track, { direction: 'sendonly', sendEncodings });
    const withMode = (mode: string | undefined) =>
      encodings.map(({ scalabilityMode, ...encoding }) =>
        scalabilityMode && mode ? { ...encoding, scalabilityMode: mode } : encoding,
      );
    if (!encodings.some(({ scalabilityMode }) => scalabilityMode)) return add(withMode(undefined));
    // A mode that a browser knows and has for no codec is refused.
    for (const attempt of [encodings.map((encoding) => ({ ...encoding })), withMode('L1T3')]) {
      try {
        return add(attempt);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
      }
    }
    return add(withMode(undefined));
  }

  /** Stops sending; the m-section waits for the next track. */
  freeSender(sending: Sending): void {
    if (this.#closed || this.#free.some(({ transceiver }) => transceiver === sending.transceiver)) return;
    void sending.transceiver.sender.replaceTrack(null).catch(warn);
    this.#free.push(sending);
  }

  /** Sees to it that data channels can be had. */
  needData(): void {
    if (this.#data || this.#closed) return;
    this.#data = true;
    this.negotiate();
  }

  openChannel(label: string, init: RTCDataChannelInit): RTCDataChannel {
    this.needData();
    return this.pc.createDataChannel(label, init);
  }

  /** The server told the transport's state. */
  told(state: 'connected' | 'interrupted' | 'closed'): void {
    if (state === 'interrupted') this.#repair.now();
    else if (state === 'closed') this.#lose();
  }

  /** The signalling is back after a cut. */
  signallingBack(): void {
    this.#repair.signallingBack();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#repair.close();
    this.pc.close();
    const error = new Superseded();
    this.#nextOffer.reject(error);
    this.#nextAnswer.reject(error);
  }

  #transceiver(mid: string): RTCRtpTransceiver | undefined {
    let transceiver = this.#byMid.get(mid);
    if (!transceiver) {
      transceiver = this.pc.getTransceivers().find((candidate) => candidate.mid === mid);
      if (transceiver) this.#byMid.set(mid, transceiver);
    }
    return transceiver;
  }

  async #run(): Promise<void> {
    this.#running = true;
    let failures = 0;
    try {
      await nextTask();
      while (this.#dirty && !this.#closed) {
        this.#dirty = false;
        const offer = this.#nextOffer;
        const answer = this.#nextAnswer;
        this.#nextOffer = deferred();
        this.#nextAnswer = deferred();
        this.#lastOffer = offer.promise;
        this.#lastAnswer = answer.promise;
        try {
          await this.#exchange(offer);
          answer.resolve();
          failures = 0;
        } catch (error) {
          if (this.#closed) {
            offer.reject(new Superseded());
            answer.reject(new Superseded());
            return;
          }
          // An offer that is open stays, and the next one takes its place: Chromium (156) would lose its section for data.
          const code = (error as TertuliaError).code;
          if ((code === 'unavailable' || code === 'too-fast') && failures < 6) {
            // No worker for now, or too much was asked for at once. Who waits, waits for the next offer.
            failures++;
            this.#nextOffer.promise.then(offer.resolve, offer.reject);
            this.#nextAnswer.promise.then(answer.resolve, answer.reject);
            this.#dirty = true;
            await new Promise((resolve) => setTimeout(resolve, Math.min(4_000, 250 * 2 ** failures)));
            continue;
          }
          warn(error);
          if (this.#offersMade > 0) this.#lastOffer = Promise.resolve(); // what was offered before stands
          offer.reject(error);
          answer.reject(error);
          // The server lost the transport while we asked.
          if (code === 'not-found' || code === 'conflict') this.#lose();
        }
      }
    } finally {
      this.#running = false;
    }
  }

  async #exchange(offer: Deferred): Promise<void> {
    if (this.#data) offerData(this.pc);
    const description = await this.pc.createOffer();
    await this.pc.setLocalDescription(description);
    // The server is ICE-lite and learns our addresses from our checks: candidates need not be sent.
    const answer = this.#host.request('offer', { transport: this.name, sdp: description.sdp ?? '' });
    this.#offersMade++;
    offer.resolve();
    const { sdp } = await answer;
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  #lose(): void {
    if (this.#closed) return;
    this.close();
    this.#host.lost();
  }
}

const dependencyDescriptor =
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

/** What TypeScript does not know of a transceiver yet. */
interface NegotiatesExtensions {
  getHeaderExtensionsToNegotiate?: () => { uri: string; direction: RTCRtpTransceiverDirection }[];
  setHeaderExtensionsToNegotiate?: (list: { uri: string; direction: RTCRtpTransceiverDirection }[]) => void;
}

// By it the server can tell layers apart in any codec, and a receiver knows what can be decoded when some are left out.
// Chromium offers it by itself only for what it sends in layers.
function describeDependencies(transceiver: RTCRtpTransceiver & NegotiatesExtensions): void {
  try {
    const list = transceiver.getHeaderExtensionsToNegotiate?.();
    const known = list?.find(({ uri }) => uri === dependencyDescriptor);
    if (!list || known?.direction !== 'stopped') return;
    known.direction = 'sendrecv';
    transceiver.setHeaderExtensionsToNegotiate?.(list);
  } catch (error) {
    warn(error);
  }
}

/** The first of the codecs in the order of names, with the scalability modes of its encoder. */
export function sendCodec(
  codecs: readonly { mimeType: string; scalabilityModes?: readonly string[] }[],
  names: readonly string[],
): SendCodec {
  const media = codecs.filter(({ mimeType }) => !/\/(rtx|red|ulpfec|flexfec-03)$/i.test(mimeType));
  const [first] = orderCodecs(media, names);
  if (!first) return { name: '', modes: undefined };
  const same = media.filter(({ mimeType }) => mimeType.toLowerCase() === first.mimeType.toLowerCase());
  const modes = same.flatMap(({ scalabilityModes = [] }) => scalabilityModes);
  return {
    name: first.mimeType.replace(/^.*\//, ''),
    modes: modes.length > 0 ? [...new Set(modes)] : undefined,
  };
}

/** Prefers the codecs of these names for a track that is sent. */
export function preferCodecs(transceiver: RTCRtpTransceiver, kind: Kind, names: readonly string[]): void {
  // An older browser has no setCodecPreferences; the server's answer orders the codecs as well.
  if (names.length === 0 || typeof transceiver.setCodecPreferences !== 'function') return;
  const capabilities = RTCRtpReceiver.getCapabilities?.(kind);
  if (!capabilities) return;
  try {
    transceiver.setCodecPreferences(orderCodecs(capabilities.codecs, names));
  } catch (error) {
    warn(error);
  }
}

// Every slot costs kilobytes of each offer, most of them for codecs that are never sent in it.
function restrictSlot(transceiver: RTCRtpTransceiver, kind: Kind): void {
  if (typeof transceiver.setCodecPreferences !== 'function') return;
  const capabilities = RTCRtpReceiver.getCapabilities?.(kind);
  if (!capabilities) return;
  const codecs = slotCodecs(capabilities.codecs);
  if (codecs.every((codec) => /\/rtx$/i.test(codec.mimeType))) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch (error) {
    warn(error);
  }
}

/**
 * Of the codecs that a browser receives, those in which the server may forward to it. Of H264 and packetization
 * mode 0 it needs nothing: whoever takes mode 1 takes that too.
 */
export function slotCodecs<C extends { mimeType: string; sdpFmtpLine?: string }>(codecs: readonly C[]): C[] {
  return codecs.filter(({ mimeType, sdpFmtpLine = '' }) => {
    switch (mimeType.toLowerCase()) {
      case 'audio/opus':
      case 'audio/red':
      case 'audio/g722':
      case 'audio/pcmu':
      case 'audio/pcma':
      case 'video/vp8':
      case 'video/rtx':
        return true;
      case 'video/vp9':
        return !/(^|;)\s*profile-id=[1-9]/i.test(sdpFmtpLine);
      case 'video/av1':
        return !/(^|;)\s*profile=[1-9]/i.test(sdpFmtpLine);
      case 'video/h264':
        return /packetization-mode=1/i.test(sdpFmtpLine) && !/profile-level-id=f4/i.test(sdpFmtpLine);
      default:
        return false;
    }
  });
}

/** The codecs, those of names first and in their order; all are kept. */
export function orderCodecs<C extends { mimeType: string }>(
  codecs: readonly C[],
  names: readonly string[],
): C[] {
  const rank = (codec: C): number => {
    const name = codec.mimeType.slice(codec.mimeType.indexOf('/') + 1).toLowerCase();
    const index = names.findIndex((each) => each.toLowerCase() === name);
    return index >= 0 ? index : names.length;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b)); // stable
}

// Not a timer: those are slow in hidden tabs.
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {}); // often nobody waits
  return { promise, resolve, reject };
}

function warn(error: unknown): void {
  console.warn('tertulia:', error);
}
