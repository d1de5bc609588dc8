// src/emitter.ts
var e = class {
	#e = /* @__PURE__ */ new Map();
	on(e, t) {
		let n = this.#e.get(e);
		return n || (n = /* @__PURE__ */ new Set(), this.#e.set(e, n)), n.add(t), () => this.off(e, t);
	}
	once(e, t) {
		let n = this.on(e, ((...e) => {
			n(), t(...e);
		}));
		return n;
	}
	off(e, t) {
		this.#e.get(e)?.delete(t);
	}
	emit(e, ...t) {
		let n = this.#e.get(e);
		if (n) for (let e of [...n]) try {
			e(...t);
		} catch (e) {
			setTimeout(() => {
				throw e;
			});
		}
	}
}, t = class extends e {
	label = "";
	state = "connecting";
	get bufferedAmount() {
		throw Error("not yet");
	}
	send(e) {
		throw Error("not yet");
	}
	close() {
		throw Error("not yet");
	}
};
// src/devices.ts
function n() {
	throw Error("not yet");
}
function r(e) {
	throw Error("not yet");
}
function i(e) {
	throw Error("not yet");
}
// src/errors.ts
var a = class extends Error {
	name = "TertuliaError";
	code;
	constructor(e, t, n) {
		super(t, n), this.code = e;
	}
}, o = class extends e {
	static camera(e) {
		throw Error("not yet");
	}
	static screen(e) {
		throw Error("not yet");
	}
	static from(e, t) {
		throw Error("not yet");
	}
	static data(e) {
		throw Error("not yet");
	}
	get id() {
		throw Error("not yet");
	}
	get published() {
		throw Error("not yet");
	}
	get ended() {
		throw Error("not yet");
	}
	get mediaStream() {
		throw Error("not yet");
	}
	get tracks() {
		throw Error("not yet");
	}
	get hasData() {
		throw Error("not yet");
	}
	get attributes() {
		throw Error("not yet");
	}
	muted(e) {
		throw Error("not yet");
	}
	mute(e, t) {
		throw Error("not yet");
	}
	unmute(e) {
		throw Error("not yet");
	}
	setDevice(e, t) {
		throw Error("not yet");
	}
	deviceId(e) {
		throw Error("not yet");
	}
	setAttributes(e) {
		throw Error("not yet");
	}
	openChannel(e, t) {
		throw Error("not yet");
	}
	stop() {
		throw Error("not yet");
	}
}, s = class extends e {
	get id() {
		throw Error("not yet");
	}
	get participant() {
		throw Error("not yet");
	}
	get tracks() {
		throw Error("not yet");
	}
	get hasData() {
		throw Error("not yet");
	}
	get attributes() {
		throw Error("not yet");
	}
	get mediaStream() {
		throw Error("not yet");
	}
	get channels() {
		throw Error("not yet");
	}
	get subscribed() {
		throw Error("not yet");
	}
	get ended() {
		throw Error("not yet");
	}
	muted(e) {
		throw Error("not yet");
	}
}, c = class extends e {
	get id() {
		throw Error("not yet");
	}
	get name() {
		throw Error("not yet");
	}
	get metadata() {
		throw Error("not yet");
	}
	get codecs() {
		throw Error("not yet");
	}
	get state() {
		throw Error("not yet");
	}
	get me() {
		throw Error("not yet");
	}
	get participants() {
		throw Error("not yet");
	}
	get streams() {
		throw Error("not yet");
	}
	get localStreams() {
		throw Error("not yet");
	}
	get permissions() {
		throw Error("not yet");
	}
	get quality() {
		throw Error("not yet");
	}
	get speakers() {
		throw Error("not yet");
	}
	can(e) {
		throw Error("not yet");
	}
	streamsOf(e) {
		throw Error("not yet");
	}
	publish(e) {
		throw Error("not yet");
	}
	unpublish(e) {
		throw Error("not yet");
	}
	subscribe(e, t) {
		throw Error("not yet");
	}
	unsubscribe(e) {
		throw Error("not yet");
	}
	send(e, t) {
		throw Error("not yet");
	}
	mute(e, t) {
		throw Error("not yet");
	}
	kick(e, t) {
		throw Error("not yet");
	}
	setMetadata(e) {
		throw Error("not yet");
	}
	setRoomMetadata(e) {
		throw Error("not yet");
	}
	getStats(e) {
		throw Error("not yet");
	}
	leave() {
		throw Error("not yet");
	}
};
function l(e, t, n) {
	throw Error("not yet");
}
export { t as Channel, e as Emitter, o as LocalStream, s as RemoteStream, c as Room, a as TertuliaError, i as checkSupport, l as connect, n as devices, r as onDeviceChange };
