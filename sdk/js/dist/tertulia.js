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
}, t = class extends Error {
	name = "TertuliaError";
	code;
	constructor(e, t, n) {
		super(t, n), this.code = e;
	}
}, n = 65536, r = 1 << 20, i = class extends e {
	label;
	options;
	#e;
	#t;
	#n = "connecting";
	#r = [];
	#i = 0;
	constructor(e, t, n) {
		super(), this.label = e, this.options = t, this.#e = n;
	}
	get state() {
		return this.#n;
	}
	get bufferedAmount() {
		return this.#i + (this.#t?.bufferedAmount ?? 0);
	}
	send(e) {
		if (!this.#e) throw new t("forbidden", "Only the publisher of a stream sends on its channels.");
		if (this.#n === "closed") throw new t("closed", "The channel is closed.");
		let i = typeof e == "string" ? e : a(e), o = typeof i == "string" ? new TextEncoder().encode(i).length : i.byteLength;
		if (o > n) throw new t("bad-request", `That is ${o} bytes; a message can have ${n}.`);
		if (this.#t?.readyState === "open") this.#t.send(i);
		else {
			if (this.#i + o > r) throw new t("limit", "The channel is not open, and 1 MB waits for it already.");
			this.#r.push(i), this.#i += o;
		}
	}
	close() {
		let e = this.#t;
		this.#t = void 0, e?.close(), this.#a();
	}
	attach(e) {
		if (this.detach(), this.#n === "closed") {
			e.close();
			return;
		}
		e.binaryType = "arraybuffer", this.#t = e;
		let t = () => {
			if (this.#t === e && this.#n !== "open") {
				this.#n = "open";
				for (let t of this.#r) e.send(t);
				this.#r = [], this.#i = 0, this.emit("open");
			}
		};
		e.onmessage = (e) => {
			t(), this.emit("message", e.data);
		}, e.onclose = () => {
			this.#t === e && (this.#t = void 0, this.#a());
		}, e.readyState === "open" ? t() : e.onopen = t;
	}
	detach() {
		let e = this.#t;
		this.#t = void 0, e && (e.onclose = e.onopen = e.onmessage = null, this.#n === "open" && (this.#n = "connecting"));
	}
	#a() {
		this.#n !== "closed" && (this.#n = "closed", this.#r = [], this.#i = 0, this.emit("close"));
	}
};
function a(e) {
	if (e instanceof ArrayBuffer) return e.slice(0);
	let t = new Uint8Array(e.byteLength);
	return t.set(new Uint8Array(e.buffer, e.byteOffset, e.byteLength)), t.buffer;
}
// src/devices.ts
async function o() {
	return m(await d().enumerateDevices());
}
function s(e) {
	let t = d(), n = () => {
		o().then(e, () => {});
	};
	return t.addEventListener("devicechange", n), () => t.removeEventListener("devicechange", n);
}
function c(e = {}) {
	let n = typeof RTCPeerConnection == "function" ? RTCPeerConnection.prototype : void 0;
	if (!n || typeof n.addTransceiver != "function" || typeof WebSocket != "function") throw new t("unsupported", "This browser cannot make calls: it lacks WebRTC, or has it switched off. A current Firefox, Chrome, Edge or Safari can.");
	e.capture && d();
}
function l(e) {
	return f(() => d().getUserMedia(e), e);
}
function u(e) {
	let n = d();
	return typeof n.getDisplayMedia == "function" ? f(() => n.getDisplayMedia(e), "screen") : Promise.reject(new t("unsupported", "This browser cannot share a screen."));
}
function d() {
	let e = typeof navigator > "u" ? void 0 : navigator.mediaDevices;
	if (e) return e;
	throw typeof isSecureContext < "u" && !isSecureContext ? new t("insecure", "Camera and microphone need a secure origin: open this page by https://, or on this computer by http://localhost.") : new t("unsupported", "This browser gives no access to camera and microphone.");
}
async function f(e, t) {
	try {
		return await e();
	} catch (e) {
		throw p(e, t);
	}
}
function p(e, n) {
	if (e instanceof t) return e;
	let { name: r, message: i } = e ?? {}, a = { cause: e };
	if (n === "screen") {
		switch (r) {
			case "NotAllowedError": return new t("cancelled", "Nothing was chosen to share, or sharing is not allowed.", a);
			case "NotFoundError": return new t("device-missing", "There is no screen to share.", a);
			case "InvalidStateError": return new t("permission-denied", "Sharing a screen must follow a click.", a);
		}
		return new t("device-busy", `The screen could not be shared: ${i ?? r}`, a);
	}
	let o = n.audio && n.video ? "camera and microphone" : n.video ? "camera" : "microphone";
	switch (r) {
		case "NotAllowedError":
		case "PermissionDeniedError": return new t("permission-denied", `The use of ${o} is not allowed. Allow it in the browser's settings for this page (often an icon in the address bar), and in those of the system.`, a);
		case "SecurityError": return new t("permission-denied", `This page may not use ${o}.`, a);
		case "NotFoundError":
		case "DevicesNotFoundError": return new t("device-missing", `No ${o.replace(" and ", " or ")} was found.`, a);
		case "OverconstrainedError": return new t("device-missing", `No ${o.replace(" and ", " or ")} does what was asked for: the chosen device may be unplugged.`, a);
		case "NotReadableError":
		case "TrackStartError":
		case "AbortError": return new t("device-busy", `The ${o} could not be started: another program may be using it.`, a);
	}
	return new t("device-busy", `The ${o} could not be opened: ${i ?? r}`, a);
}
function m(e) {
	let t = (t, n) => e.filter((e) => e.kind === t).map((e, r) => ({
		id: e.deviceId,
		kind: t,
		label: e.label || `${n} ${r + 1}`
	}));
	return {
		microphones: t("audioinput", "Microphone"),
		cameras: t("videoinput", "Camera"),
		speakers: t("audiooutput", "Speaker"),
		named: e.some((e) => e.label !== "")
	};
}
// src/protocol.ts
var h = "tertulia-js/0.1.0", g = 524288, _ = 65536;
// src/carrier.ts
function v({ id: e, kind: t, source: n, muted: r }) {
	return {
		id: e,
		kind: t,
		source: n,
		muted: r || void 0
	};
}
var ee = class {
	#e;
	#t = /* @__PURE__ */ new Map();
	constructor(e) {
		this.#e = e;
	}
	get closed() {
		return this.#e.closed;
	}
	async take(e) {
		let n = this.#e;
		for (let t of e.tracks) {
			if (this.#t.has(t.id)) continue;
			let r = e.encodings(t, n.videoCodec);
			this.#t.set(t.id, n.addSender(t.mediaTrack, t.kind, r));
		}
		return e.hasData && n.needData(), await n.offered(), e.tracks.map((e) => {
			let r = this.midOf(e.id);
			if (typeof r != "string") throw new t("internal", "The browser gave a track no m-section.");
			return {
				...v(e),
				transport: n.name,
				mid: r
			};
		});
	}
	negotiated() {
		return this.#e.answered();
	}
	published() {}
	midOf(e) {
		return this.#t.get(e)?.mid;
	}
	async replaced(e) {
		this.closed || await this.#t.get(e.id)?.transceiver.sender.replaceTrack(e.mediaTrack ?? null);
	}
	layersWanted(e, t) {
		this.#t.get(e)?.want(t);
	}
	open(e, t) {
		e.attach(this.#e.openChannel(e.label, {
			...e.options,
			protocol: `stream:${t}`
		}));
	}
	release() {
		for (let e of this.#t.values()) this.#e.freeSender(e);
		this.#t.clear();
	}
}, te = class {
	#e = /* @__PURE__ */ new Map();
	read(e) {
		let t = /* @__PURE__ */ new Map();
		for (let [n, r] of e) t.set(n, r);
		let n = [...t.values()], r = /* @__PURE__ */ new Map(), i = {
			in: y(),
			out: y()
		}, a = 0, o = [];
		for (let e of n) {
			let s = e.type === "inbound-rtp" ? "in" : e.type === "outbound-rtp" ? "out" : void 0;
			if (!s || !e.kind) continue;
			let c = this.#t(e, t, n), l = {
				time: e.timestamp,
				bytes: (s === "in" ? e.bytesReceived : e.bytesSent) ?? 0,
				packets: (s === "in" ? e.packetsReceived : e.packetsSent) ?? 0,
				lost: Math.max(0, (s === "in" ? e.packetsLost : c?.packetsLost) ?? 0),
				frames: (s === "in" ? e.framesDecoded : e.framesEncoded) ?? 0,
				freezes: e.freezeCount ?? 0
			};
			r.set(e.id, l);
			let u = this.#e.get(e.id) ?? {
				...l,
				time: l.time
			}, d = (l.time - u.time) / 1e3, f = (e) => Math.max(0, l[e] - u[e]), p = f("packets"), m = f("lost"), h = d > 0 ? f("bytes") * 8 / d : 0;
			i[s].bitrate += h, i[s].packets += p, i[s].lost += m, a += f("freezes");
			let g = t.get(e.mediaSourceId ?? "");
			o.push({
				direction: s,
				mid: e.mid,
				mediaTrack: e.trackIdentifier ?? g?.trackIdentifier,
				kind: e.kind,
				rid: e.rid,
				codec: t.get(e.codecId ?? "")?.mimeType?.replace(/^.*\//, ""),
				bitrate: h,
				bytes: l.bytes,
				packets: l.packets,
				packetsLost: l.lost,
				loss: b(m, p, s),
				jitter: s === "in" ? e.jitter : c?.jitter,
				rtt: c?.roundTripTime,
				frames: l.frames,
				fps: e.framesPerSecond ?? (e.kind === "video" && d > 0 ? f("frames") / d : void 0),
				width: e.frameWidth,
				height: e.frameHeight,
				freezes: l.freezes,
				freezeDuration: e.totalFreezesDuration ?? 0,
				nacks: e.nackCount ?? 0,
				keyframeRequests: (e.pliCount ?? 0) + (e.firCount ?? 0),
				retransmitted: e.retransmittedPacketsSent ?? e.retransmittedPacketsReceived ?? 0
			});
		}
		this.#e = r;
		let s = ne(n, t);
		return {
			tracks: o,
			rtt: s?.currentRoundTripTime ?? o.find((e) => e.rtt !== void 0)?.rtt,
			bitrateIn: i.in.bitrate,
			bitrateOut: i.out.bitrate,
			availableOut: s?.availableOutgoingBitrate,
			protocol: t.get(s?.localCandidateId ?? "")?.protocol,
			lossIn: b(i.in.lost, i.in.packets, "in"),
			lossOut: b(i.out.lost, i.out.packets, "out"),
			freezes: a
		};
	}
	#t(e, t, n) {
		return e.remoteId ? t.get(e.remoteId) : n.find((t) => t.type === "remote-inbound-rtp" && t.localId === e.id);
	}
};
function y() {
	return {
		bitrate: 0,
		packets: 0,
		lost: 0
	};
}
function b(e, t, n) {
	let r = n === "in" ? t + e : t;
	return r > 0 ? Math.min(1, e / r) : 0;
}
function ne(e, t) {
	let n = e.find((e) => e.type === "transport" && e.selectedCandidatePairId);
	return t.get(n?.selectedCandidatePairId ?? "") ?? e.find((e) => e.type === "candidate-pair" && e.selected) ?? e.find((e) => e.type === "candidate-pair" && e.nominated && e.state === "succeeded");
}
function re(e, t) {
	let { rtt: n, lossIn: r, lossOut: i, freezes: a } = e, o = Math.max(r, i), s = 4;
	return t ? o > .12 || (n ?? 0) > .8 ? s = 1 : o > .05 || (n ?? 0) > .4 || a > 0 ? s = 2 : (o > .015 || (n ?? 0) > .2) && (s = 3) : s = 0, {
		level: s,
		rtt: n,
		lossIn: r,
		lossOut: i
	};
}
// src/connections.ts
var x = class {
	#e = /* @__PURE__ */ new WeakMap();
	async read(e) {
		let t = await Promise.all(e.map(async (e) => {
			let t = await e.pc.getStats(), n = this.#e.get(e.pc);
			return n || this.#e.set(e.pc, n = new te()), {
				connection: e,
				raw: t,
				measurement: n.read(t)
			};
		})), n = (e, n, r, i) => t.flatMap(({ connection: t, measurement: a }) => {
			let o = r(t), { participant: s } = t;
			return a.tracks.filter((t) => t.direction === e).filter((e) => e.mid !== void 0 && o !== void 0 ? e.mid === o : e.mediaTrack === i).map((e) => {
				let { direction: t, mid: r, mediaTrack: i, ...a } = e;
				return s === void 0 ? {
					...a,
					track: n
				} : {
					...a,
					track: n,
					participant: s
				};
			});
		});
		return {
			...ie(t.map(({ measurement: e }) => e)),
			raw: ae(t.map(({ connection: e, raw: t }) => [e.participant, t])),
			sent: (e, t, r) => n("out", t, (n) => n.sentMid(e, t), r),
			received: (e, t, r) => n("in", t, (n) => n.receivedMid(e, t), r)
		};
	}
};
function ie(e) {
	let t = (t) => e.reduce((e, n) => e + t(n), 0), n = (t) => e.map(t).filter((e) => e !== void 0), r = n(({ rtt: e }) => e), i = n(({ availableOut: e }) => e);
	return {
		rtt: r.length > 0 ? Math.max(...r) : void 0,
		bitrateIn: t(({ bitrateIn: e }) => e),
		bitrateOut: t(({ bitrateOut: e }) => e),
		availableOut: i.length > 0 ? i.reduce((e, t) => e + t, 0) : void 0,
		protocol: e.find(({ protocol: e }) => e !== void 0)?.protocol,
		lossIn: Math.max(0, ...e.map(({ lossIn: e }) => e)),
		lossOut: Math.max(0, ...e.map(({ lossOut: e }) => e)),
		freezes: t(({ freezes: e }) => e)
	};
}
function ae(e) {
	let [t] = e;
	if (t && t[0] === void 0) return t[1];
	let n = /* @__PURE__ */ new Map();
	for (let [t, r] of e) for (let [e, i] of r) {
		let r = Object.entries(i).map(([e, n]) => [e, typeof n == "string" && (e === "id" || e.endsWith("Id")) ? `${t} ${n}` : n]);
		n.set(`${t} ${e}`, Object.fromEntries(r));
	}
	return n;
}
// src/fanout.ts
var oe = 262144, se = 1 << 20, ce = class {
	#e;
	#t = /* @__PURE__ */ new Map();
	#n = /* @__PURE__ */ new Set();
	readyState = "open";
	binaryType = "arraybuffer";
	onopen = null;
	onmessage = null;
	onclose = null;
	constructor({ maxRetransmits: e, maxPacketLifeTime: t }) {
		this.#e = e !== void 0 || t !== void 0;
	}
	get bufferedAmount() {
		return Math.max(0, ...[...this.#t.values()].map((e) => e.bytes + e.channel.bufferedAmount));
	}
	add(e, t) {
		this.remove(e);
		let n = {
			channel: t,
			waiting: [],
			bytes: 0
		};
		this.#t.set(e, n), t.binaryType = "arraybuffer", t.onopen = () => {
			let { waiting: t } = n;
			n.waiting = [], n.bytes = 0;
			for (let r of t) this.#r(e, n, r);
		}, t.onclose = () => {
			this.#t.get(e) === n && this.#t.delete(e);
		};
	}
	knows(e) {
		return this.#t.has(e) || this.#n.has(e);
	}
	remove(e) {
		this.#n.delete(e);
		let t = this.#t.get(e);
		this.#t.delete(e), t?.channel.close();
	}
	send(e) {
		let t = {
			data: e,
			bytes: typeof e == "string" ? new TextEncoder().encode(e).length : e.byteLength
		};
		for (let [e, n] of this.#t) this.#r(e, n, t);
	}
	close() {
		this.readyState = "closed";
		for (let e of [...this.#t.keys()]) this.remove(e);
	}
	#r(e, t, n) {
		if (t.bytes + t.channel.bufferedAmount + n.bytes > (this.#e ? oe : se)) {
			if (this.#e) return;
			this.remove(e), this.#n.add(e);
		} else t.channel.readyState === "open" ? t.channel.send(n.data) : t.channel.readyState === "connecting" && (t.waiting.push(n), t.bytes += n.bytes);
	}
}, S = /* @__PURE__ */ new WeakSet();
function le(e) {
	S.has(e) || (S.add(e), e.createDataChannel("tertulia", {
		negotiated: !0,
		id: 255
	}));
}
// src/negotiation.ts
var ue = class {
	#e;
	#t = [];
	#n = !1;
	#r = !1;
	#i;
	#a = 0;
	#o = !1;
	#s = !1;
	#c = !1;
	#l = !1;
	constructor(e) {
		this.#e = e;
	}
	need() {
		this.#n = !0;
	}
	begin() {
		this.#o || (this.#n = !0);
	}
	asked() {
		this.#e && this.begin();
	}
	anew() {
		return !this.#s && (this.#t = [], !0);
	}
	lost() {
		this.#t = [], this.#c = !1, this.#r = this.#i !== void 0;
	}
	describe(e, t) {
		this.#t.push({
			described: e,
			extra: t
		});
	}
	candidates(e) {
		this.#t.push({ candidates: e });
	}
	next() {
		if (this.#l) return;
		let e = this.#u();
		return this.#l = e !== void 0, e;
	}
	done() {
		this.#l = !1;
	}
	#u() {
		if (this.#r && (this.#r = !1, this.#i !== void 0)) return {
			do: "repeat",
			offer: this.#i
		};
		for (let e = this.#t.shift(); e; e = this.#t.shift()) {
			let t = this.#d(e);
			if (t) return t;
		}
		if (this.#n && this.#i === void 0) return !this.#e && !this.#o ? this.#c ? void 0 : (this.#c = !0, { do: "ask" }) : (this.#n = !1, this.#o = !0, this.#i = ++this.#a, {
			do: "offer",
			offer: this.#i
		});
	}
	#d(e) {
		if ("candidates" in e) return {
			do: "candidates",
			candidates: e.candidates
		};
		let { described: t, extra: n } = e, { type: r, sdp: i, offer: a } = t;
		if (r === "answer") return a === this.#i ? (this.#i = void 0, this.#s = !0, {
			do: "complete",
			sdp: i,
			extra: n
		}) : void 0;
		if (this.#i !== void 0) {
			if (this.#e) return;
			this.#i = void 0, this.#n = !0;
		}
		return this.#o = this.#s = !0, {
			do: "accept",
			offer: a,
			sdp: i,
			extra: n
		};
	}
};
function de(e, t) {
	return e < t;
}
// src/repair.ts
var fe = 6e3, pe = 3, me = 2e3, he = 8e3, ge = 2;
function C(e) {
	return e === "connected" || e === "completed";
}
var w = class {
	#e;
	#t;
	#n;
	#r;
	#i = 0;
	#a = 0;
	#o = !1;
	#s = !1;
	constructor(e) {
		this.#e = e, this.#t = e.patience ?? 0;
	}
	expect() {
		this.#s || (this.#r ??= setTimeout(() => {
			if (this.#r = void 0, this.#e.state() === "new") {
				if (!this.#e.live()) return this.expect();
				this.#a++, this.#e.giveUp();
			}
		}, (fe + this.#t) * 2 ** Math.min(this.#a, pe)));
	}
	watch() {
		if (this.#s) return;
		let e = this.#e.state();
		C(e) ? (this.#a = 0, this.reset()) : e === "disconnected" ? this.#c(me + this.#t) : e === "failed" && this.#t > 0 ? this.#c(this.#t) : e === "failed" && this.now();
	}
	now() {
		this.#s || (this.#l(), this.#o = !this.#e.live(), this.#o || (this.#i >= ge ? this.#e.giveUp() : (this.#i++, this.#e.restart(), this.#n = setTimeout(() => {
			this.#n = void 0, C(this.#e.state()) ? this.#i = 0 : this.now();
		}, he))));
	}
	signallingBack() {
		let e = this.#e.state();
		(this.#o || e === "disconnected" || e === "failed") && this.now();
	}
	reset() {
		this.#l(), clearTimeout(this.#r), this.#r = void 0, this.#i = 0, this.#o = !1;
	}
	close() {
		this.#s = !0, this.reset();
	}
	#c(e) {
		this.#n ??= setTimeout(() => this.now(), e);
	}
	#l() {
		clearTimeout(this.#n), this.#n = void 0;
	}
}, _e = [
	"q",
	"h",
	"f"
], T = 12e5, ve = 25e5;
function ye(e, t, n) {
	let { simulcast: r = e.source === "camera", scalabilityMode: i } = t, a = t.maxVideoBitrate ?? Ce(e, t.simulcast === !0), o = (...e) => e.find((e) => e !== void 0 && xe(n, e)), s = (e) => [A({
		maxBitrate: a,
		scalabilityMode: e
	})];
	if (i !== void 0 && k(i) > 1 || !r) return s(o(i, "L1T3"));
	if (E(n) && t.simulcast === void 0 && i === void 0) return s(o("L3T3_KEY", "L1T3"));
	let c = Se(e);
	return c === 1 ? s(o(i, "L1T3")) : _e.slice(-c).map((e, t) => {
		let n = 2 ** (c - 1 - t);
		return A({
			rid: e,
			scaleResolutionDownBy: n,
			maxBitrate: D(a, n),
			scalabilityMode: o(i, "L1T3")
		});
	});
}
function be(e) {
	return [A({ maxBitrate: e })];
}
function xe(e, t) {
	return e.modes ? e.modes.includes(t) : e.name !== "" && (k(t) === 1 || E(e));
}
function E({ name: e }) {
	return /^(VP9|AV1)$/i.test(e);
}
function Se({ width: e, height: t }) {
	let n = Math.max(e ?? 0, t ?? 0);
	return n === 0 || n >= 960 ? 3 : n >= 480 ? 2 : 1;
}
function Ce({ source: e, width: t, height: n }, r) {
	if (e === "screen") return ve;
	if (e !== "camera" && !r) return;
	if (!t || !n) return T;
	let i = T * (t * n / 921600) ** .75;
	return Math.round(Math.min(25e5, Math.max(15e4, i)));
}
function D(e, t) {
	return e === void 0 ? void 0 : Math.round(e * t ** -1.5);
}
function we(e, t, n = 0) {
	let r = O(e, t);
	if (r.length === 0) return {
		...e,
		active: !0
	};
	let i = Math.max(-1, ...r.filter(({ wanted: e }) => e).map(({ spatial: e }) => e)), a = i >= 0, o = e.scalabilityMode, s = o === void 0 ? 1 : k(o), c = Math.max(n, r.length) - 1 - i, l = Math.max(1, s - c);
	if (!a || o === void 0 || l === s) return {
		...e,
		active: a
	};
	let u = 2 ** (s - l);
	return A({
		...e,
		active: a,
		scalabilityMode: Te(o, l),
		scaleResolutionDownBy: (e.scaleResolutionDownBy ?? 1) * u,
		maxBitrate: D(e.maxBitrate, u)
	});
}
function O({ rid: e = "" }, t) {
	return (t ?? []).filter((t) => (t.rid ?? "") === e);
}
function k(e) {
	return Number(/^[LS]([1-9])T[1-9]/.exec(e)?.[1] ?? 1);
}
function Te(e, t) {
	return e.replace(/^([LS])[1-9](T[1-9])(.*)$/, (e, n, r, i) => t === 1 ? `L1${r}` : `${n}${t}${r}${i}`);
}
function Ee(e, t) {
	let n = !1;
	return e.forEach((e, r) => {
		let i = e.rid, a = i === void 0 ? t[r] : t.find((e) => e.rid === i);
		if (!a) return;
		let o = (t, r) => {
			e[t] !== r && (r === void 0 ? delete e[t] : e[t] = r, n = !0);
		};
		o("active", a.active ?? !0), o("maxBitrate", a.maxBitrate), (a.scaleResolutionDownBy !== void 0 || (e.scaleResolutionDownBy ?? 1) !== 1) && o("scaleResolutionDownBy", a.scaleResolutionDownBy ?? 1), a.scalabilityMode !== void 0 && o("scalabilityMode", a.scalabilityMode);
	}), n;
}
function A(e) {
	return Object.fromEntries(Object.entries(e).filter(([, e]) => e !== void 0));
}
// src/sending.ts
var j = class {
	transceiver;
	#e;
	#t;
	#n;
	#r = !1;
	#i = !1;
	constructor(e, t) {
		this.transceiver = e, this.#e = t, this.#n = t.map(() => 0);
	}
	get mid() {
		return this.transceiver.mid ?? void 0;
	}
	get shape() {
		return M(this.#e);
	}
	want(e) {
		this.#t = e, this.#e.forEach((t, n) => {
			this.#n[n] = Math.max(this.#n[n] ?? 0, O(t, e).length);
		}), this.apply();
	}
	async apply() {
		if (this.#i = !0, !this.#r) {
			for (this.#r = !0; this.#i;) {
				this.#i = !1;
				let e = this.#e.map((e, t) => we(e, this.#t, this.#n[t]));
				try {
					await this.#a(e);
				} catch {
					let t = e.map(({ active: e, rid: t, maxBitrate: n }) => ({
						active: e,
						rid: t,
						maxBitrate: n
					}));
					await this.#a(t).catch((e) => console.warn("tertulia:", e));
				}
			}
			this.#r = !1;
		}
	}
	async #a(e) {
		let { sender: t } = this.transceiver, n = t.getParameters(), r = n.encodings.length === 1 && e.length > 1 ? e.slice(-1).map(({ rid: e, ...t }) => t) : e;
		Ee(n.encodings, r) && await t.setParameters(n);
	}
};
function M(e) {
	return e.map(({ rid: e = "" }) => e).join();
}
// src/session.ts
var De = {
	open: 6e3,
	enter: 8e3,
	ack: 200,
	dead: 8e3,
	silent: 12e3,
	doubt: 5500,
	backoffMin: 250,
	backoffMax: 5e3,
	reconnectFor: 12e4
}, Oe = 16, ke = 1e3, N = class extends t {
	constructor() {
		super("resume-failed", "The session was rebuilt before the server answered.");
	}
}, Ae = class {
	#e = "new";
	#t;
	#n;
	#r = [];
	#i;
	#a;
	metadata;
	#o;
	#s = !1;
	#c = 0;
	#l = 0;
	#u = 1;
	#d = [];
	#f = /* @__PURE__ */ new Map();
	#p = 0;
	#m;
	#h;
	#g;
	#_;
	#v = 0;
	#y = 0;
	#b = 0;
	#x = 0;
	#S = !1;
	constructor(e, t = Math.random, n = {}) {
		this.#a = e, this.#n = t, this.#t = {
			...De,
			...n
		};
	}
	take() {
		let e = this.#r;
		return this.#r = [], e;
	}
	get live() {
		return this.#e === "live";
	}
	get ended() {
		return this.#e === "ended";
	}
	timer() {
		let e = [this.#m, this.#h];
		return this.#e === "live" && e.push(this.#g, this.#_, this.#y), e.reduce((e, t) => e === void 0 ? t : t === void 0 ? e : Math.min(e, t), void 0);
	}
	start(e) {
		this.#b = e, this.#e = "token", this.#r.push({ do: "token" });
	}
	token(e, t) {
		this.#e === "token" && (this.#i = t, this.#R(e));
	}
	tokenFailed(e, n) {
		this.#e === "token" && (this.#s ? this.#I(e, 0) : this.#z("refused", n instanceof t ? n : new t("unauthorized", `There is no token: ${F(n)}`, { cause: n })));
	}
	opened(e) {
		this.#e === "opening" && (this.#m = e + this.#t.enter, this.#o === void 0 ? (this.#e = "joining", this.#N({
			type: "join",
			data: {
				...this.#a,
				token: this.#i,
				metadata: this.metadata
			}
		}), this.#i = void 0) : (this.#e = "resuming", this.#N({
			type: "resume",
			data: {
				token: this.#o,
				ack: this.#c,
				metadata: this.metadata
			}
		})));
	}
	closed(e, n, r) {
		if (this.#e !== "ended" && this.#e !== "waiting" && this.#e !== "token") {
			if (this.#S) this.#z("left", P());
			else if (!this.#s) this.#z("refused", je(n, r));
			else {
				switch (n) {
					case 1e3:
						this.#z("left", new t("closed", r || "The server ended the session."));
						return;
					case 4400:
						this.#z("refused", new t("bad-request", r || "The server did not understand."));
						return;
					case 4409:
						this.#z("replaced", new t("conflict", r || "The session goes on elsewhere."));
						return;
				}
				this.#F(e, n === 4429 ? this.#t.backoffMax : 0);
			}
		}
	}
	message(e, t) {
		let n;
		try {
			n = JSON.parse(t);
		} catch {
			this.#P(e);
			return;
		}
		if (typeof n != "object" || !n) this.#P(e);
		else switch (this.#v = e, this.#y = e + this.#t.silent, this.#e) {
			case "joining":
			case "resuming":
				this.#C(e, n);
				break;
			case "live": this.#D(e, n);
		}
	}
	request(e, n, r, i) {
		let a = ++this.#p;
		return this.#e === "ended" || !this.#s || this.#S ? (this.#r.push({
			do: "fail",
			id: a,
			error: new t("closed", "The room was left.")
		}), a) : this.#f.size >= ke ? (this.#r.push({
			do: "fail",
			id: a,
			error: new t("too-fast", "Too many requests wait for the server.")
		}), a) : (this.#A(e, {
			id: a,
			seq: 0,
			type: n,
			data: r,
			keep: i,
			sent: !1
		}), a);
	}
	leave(e) {
		this.#e === "ended" || this.#S || (this.#e === "live" ? (this.#A(e, {
			id: ++this.#p,
			seq: 0,
			type: "leave",
			data: {},
			keep: !1,
			sent: !1
		}), this.#S = !0, this.#m = e + 1e3) : this.#z("left", P()));
	}
	wake(e) {
		this.#e === "waiting" ? (this.#x = 0, this.#L(e)) : this.#e === "live" && (this.#y = Math.min(this.#y, Math.max(this.#v + this.#t.doubt, e + 500)), this.#_ !== void 0 && (this.#_ = Math.min(this.#_, e + 2e3)));
	}
	advance(e) {
		if (this.#m !== void 0 && e >= this.#m) {
			if (this.#m = void 0, this.#S) {
				this.#z("left", P());
				return;
			}
			if (!this.#s) {
				this.#r.push({ do: "drop" }), this.#z("refused", new t("unreachable", "The server does not answer."));
				return;
			}
			this.#P(e);
		} else this.#h !== void 0 && e >= this.#h && this.#L(e), this.#e === "live" && (e >= this.#y || this.#_ !== void 0 && e >= this.#_ ? this.#P(e) : this.#g !== void 0 && e >= this.#g && this.#M());
	}
	#C(e, n) {
		switch (n.type) {
			case "joined":
			case "resynced": {
				let t = n.data, r = n.type === "resynced" ? "resynced" : this.#s ? "rejoined" : "joined";
				this.#w(e, r, t);
				return;
			}
			case "resumed": {
				let t = n.data;
				this.#o = t.resume, this.#T(), this.#k(e, t.ack);
				for (let t of this.#d) this.#j(e, t);
				this.#r.push({
					do: "state",
					state: "connected"
				});
				return;
			}
			case "refused":
				this.#E(e, n.data);
				return;
			default: this.#m = void 0, this.#s ? this.#P(e) : this.#z("refused", new t("unsupported", "The server speaks another protocol."));
		}
	}
	#w(e, n, r) {
		let i = [...this.#f.values()].sort((e, t) => e.seq - t.seq);
		this.#o = r.resume, this.#c = 0, this.#l = 0, this.#u = 1, this.#d = [], this.#f.clear();
		let a = this.#s;
		this.#s = !0, this.#T(), this.#r.push({
			do: "entered",
			how: n,
			snapshot: r
		});
		for (let r of i) r.keep ? n === "rejoined" && r.sent ? this.#r.push({
			do: "fail",
			id: r.id,
			error: new t("resume-failed", "The session was lost before the server answered: whether it was done is not known.")
		}) : this.#A(e, r) : this.#r.push({
			do: "fail",
			id: r.id,
			error: new N()
		});
		a && this.#r.push({
			do: "state",
			state: "connected"
		});
	}
	#T() {
		this.#e = "live", this.#m = void 0, this.#g = void 0, this.#_ = void 0, this.#x = 0, this.#l = this.#c;
	}
	#E(e, n) {
		this.#m = void 0, this.#r.push({ do: "drop" });
		let r = new t(n?.code ?? "internal", n?.message ?? "The server refused.");
		this.#s ? n?.code === "unavailable" || n?.code === "too-fast" ? this.#I(e, this.#t.backoffMin) : this.#e === "joining" ? this.#z("refused", r) : (this.#o = void 0, this.#e = "token", this.#r.push({ do: "token" })) : this.#z("refused", r);
	}
	#D(e, n) {
		if (n.ack !== void 0) {
			if (n.ack >= this.#u) {
				this.#P(e);
				return;
			}
			this.#k(e, n.ack);
		}
		if (n.type === void 0) {
			this.#M();
			return;
		}
		let r = n.seq ?? 0;
		if (!(r <= this.#c)) {
			if (r > this.#c + 1) this.#P(e);
			else if (this.#c = r, this.#c - this.#l >= Oe ? this.#M() : this.#g ??= e + this.#t.ack, n.type === "ok" || n.type === "error") this.#O(e, n);
			else if (n.type === "ended") {
				let { reason: r, message: i } = n.data;
				if (r === "shutdown") {
					this.#r.push({ do: "drop" }), this.#F(e, 0);
					return;
				}
				this.#z(r, new t("closed", i || Me(r)));
			} else this.#r.push({
				do: "event",
				type: n.type,
				data: n.data
			});
		}
	}
	#O(e, n) {
		let r = n.re ?? 0, i = this.#f.get(r);
		if (i) {
			if (this.#f.delete(r), this.#k(e, Math.max(r, 0)), i.type === "leave") this.#z("left", P());
			else if (n.type === "ok") this.#r.push({
				do: "answer",
				id: i.id,
				data: n.data
			});
			else {
				let { code: e, message: r } = n.data ?? {}, a = new t(e ?? "internal", r ?? "The server gave no reason.");
				this.#r.push({
					do: "fail",
					id: i.id,
					error: a
				});
			}
		}
	}
	#k(e, t) {
		let n = this.#d[0];
		!n || n.seq > t || (this.#d = this.#d.filter((e) => e.seq > t), this.#_ = this.#d.length > 0 ? e + this.#t.dead : void 0);
	}
	#A(e, t) {
		t.seq = this.#u++, this.#d.push(t), this.#f.set(t.seq, t), this.#e === "live" && this.#j(e, t);
	}
	#j(e, t) {
		t.sent = !0, this.#_ ??= e + this.#t.dead, this.#N({
			seq: t.seq,
			ack: this.#c || void 0,
			type: t.type,
			data: t.data
		}), this.#l = this.#c, this.#g = void 0;
	}
	#M() {
		this.#l = this.#c, this.#g = void 0, this.#N({ ack: this.#c });
	}
	#N(e) {
		this.#r.push({
			do: "send",
			text: JSON.stringify(e)
		});
	}
	#P(e) {
		this.#r.push({ do: "drop" }), this.#S ? this.#z("left", P()) : this.#s ? this.#F(e, 0) : this.#z("refused", new t("unsupported", "The server speaks another protocol."));
	}
	#F(e, t) {
		this.#e === "live" && (this.#b = e, this.#x = 0, this.#r.push({
			do: "state",
			state: "reconnecting"
		})), this.#I(e, t);
	}
	#I(e, n) {
		if (e - this.#b > this.#t.reconnectFor) {
			this.#z("timeout", new t("timeout", "The server could not be reached any more."));
			return;
		}
		this.#e = "waiting", this.#m = void 0;
		let { backoffMin: r, backoffMax: i } = this.#t, a = this.#x === 0 ? 0 : Math.min(i, r * 2 ** (this.#x - 1)), o = a / 2 + this.#n() * Math.max(a / 2, 100);
		this.#x++, this.#h = e + Math.max(o, n);
	}
	#L(e) {
		this.#h = void 0, this.#o === void 0 && this.#i === void 0 ? (this.#e = "token", this.#r.push({ do: "token" })) : this.#R(e);
	}
	#R(e) {
		this.#e = "opening", this.#m = e + this.#t.open, this.#r.push({ do: "open" });
	}
	#z(e, t) {
		this.#e = "ended", this.#m = void 0, this.#h = void 0, this.#r.push({ do: "drop" });
		for (let { id: e } of this.#f.values()) this.#r.push({
			do: "fail",
			id: e,
			error: t
		});
		this.#f.clear(), this.#d = [], this.#r.push({
			do: "ended",
			reason: e,
			error: t
		});
	}
};
function P() {
	return new t("closed", "The room was left.");
}
function je(e, n) {
	return new t({
		4400: "bad-request",
		4401: "unauthorized",
		4429: "too-fast"
	}[e] ?? "unreachable", n || "The server cannot be reached.");
}
function Me(e) {
	switch (e) {
		case "kicked": return "A moderator ended your presence in the room.";
		case "room-deleted": return "The room was deleted.";
		case "replaced": return "The session goes on elsewhere.";
		default: return "The session is over.";
	}
}
function F(e) {
	return e instanceof Error ? e.message : String(e);
}
// src/speaking.ts
var Ne = -50, Pe = 800, Fe = class {
	#e = /* @__PURE__ */ new Map();
	#t = "";
	hear(e, t) {
		let n = /* @__PURE__ */ new Set();
		for (let r of t) {
			let t = `${r.stream} ${r.track}`;
			n.add(t), r.level > Ne && this.#e.set(t, {
				at: e,
				heard: r
			});
		}
		for (let [t, { at: r }] of this.#e) (!n.has(t) || e - r >= Pe) && this.#e.delete(t);
		let r = [...this.#e.values()].map(({ heard: e }) => e).sort((e, t) => t.level - e.level), i = r.map(({ stream: e, track: t }) => `${e} ${t}`).join();
		if (i !== this.#t) return this.#t = i, r;
	}
};
function I(e) {
	return e > 0 ? Math.max(-127, Math.min(0, Math.round(20 * Math.log10(e)))) : -127;
}
// src/transport.ts
var L = 4, Ie = class {
	name;
	pc;
	#e;
	#t = [];
	#n = !1;
	#r = {
		audio: 0,
		video: 0
	};
	#i = /* @__PURE__ */ new Map();
	#a = [];
	#o = !1;
	#s = !1;
	#c = !1;
	#l = V();
	#u = V();
	#d;
	#f = Promise.resolve();
	#p = 0;
	#m;
	constructor(e, t, n, r = {
		audio: L,
		video: L
	}) {
		this.name = e, this.#e = n, this.pc = new RTCPeerConnection({
			bundlePolicy: "max-bundle",
			rtcpMuxPolicy: "require",
			...t
		}), this.#m = new w({
			state: () => this.pc.iceConnectionState,
			live: n.live,
			restart: () => {
				this.pc.restartIce(), this.negotiate();
			},
			giveUp: () => this.#y()
		}), this.pc.ondatachannel = (e) => n.channel(e.channel), this.pc.oniceconnectionstatechange = () => {
			this.#m.watch(), this.#n || n.changed();
		}, this.pc.onconnectionstatechange = () => {
			this.pc.connectionState === "failed" && this.pc.iceConnectionState !== "failed" ? this.#y() : n.changed();
		}, this.addSlots(r.audio, r.video);
	}
	get connected() {
		return C(this.pc.iceConnectionState);
	}
	get closed() {
		return this.#n;
	}
	get slots() {
		return this.#r;
	}
	start(e, t) {
		this.#t = e, t && t.length > 0 && this.pc.setConfiguration({
			...this.pc.getConfiguration(),
			iceServers: t
		}), this.negotiate();
	}
	negotiate() {
		this.#s = !0, !this.#c && !this.#n && this.#_();
	}
	offered() {
		return this.#s || !this.#d ? this.#l.promise : this.#d;
	}
	answered() {
		return this.#s ? this.#u.promise : this.#f;
	}
	addSlots(e, t) {
		let n = {
			audio: e,
			video: t
		};
		for (let e of ["audio", "video"]) {
			let t = Math.min(60, Math.ceil(n[e] / L) * L);
			for (; this.#r[e] < t; this.#r[e]++) {
				let t = this.pc.addTransceiver(e, { direction: "recvonly" });
				ze(t, e), e === "video" && R(t), this.#s = !0;
			}
		}
		this.#s && this.#p > 0 && this.negotiate();
	}
	slotTrack(e) {
		return this.#g(e)?.receiver.track;
	}
	get videoCodec() {
		return Re(RTCRtpSender.getCapabilities?.("video")?.codecs ?? [], this.#t);
	}
	addSender(e, t, n) {
		let r = this.#a.findIndex(({ transceiver: e, shape: r }) => e.receiver.track.kind === t && r === M(n)), [i] = r >= 0 ? this.#a.splice(r, 1) : [];
		if (i) {
			let t = new j(i.transceiver, n);
			return t.transceiver.sender.replaceTrack(e ?? null).catch(H), t.apply(), t;
		}
		let a = this.#h(e ?? t, n);
		return z(a, t, this.#t), t === "video" && R(a), this.negotiate(), new j(a, n);
	}
	#h(e, t) {
		let n = (t) => this.pc.addTransceiver(e, {
			direction: "sendonly",
			sendEncodings: t
		}), r = (e) => t.map(({ scalabilityMode: t, ...n }) => t && e ? {
			...n,
			scalabilityMode: e
		} : n);
		if (!t.some(({ scalabilityMode: e }) => e)) return n(r(void 0));
		for (let e of [t.map((e) => ({ ...e })), r("L1T3")]) try {
			return n(e);
		} catch (e) {
			if (!(e instanceof DOMException)) throw e;
		}
		return n(r(void 0));
	}
	freeSender(e) {
		this.#n || this.#a.some(({ transceiver: t }) => t === e.transceiver) || (e.transceiver.sender.replaceTrack(null).catch(H), this.#a.push(e));
	}
	needData() {
		this.#o || this.#n || (this.#o = !0, this.negotiate());
	}
	openChannel(e, t) {
		return this.needData(), this.pc.createDataChannel(e, t);
	}
	told(e) {
		e === "interrupted" ? this.#m.now() : e === "closed" && this.#y();
	}
	signallingBack() {
		this.#m.signallingBack();
	}
	close() {
		if (this.#n) return;
		this.#n = !0, this.#m.close(), this.pc.close();
		let e = new N();
		this.#l.reject(e), this.#u.reject(e);
	}
	#g(e) {
		let t = this.#i.get(e);
		return t || (t = this.pc.getTransceivers().find((t) => t.mid === e), t && this.#i.set(e, t)), t;
	}
	async #_() {
		this.#c = !0;
		let e = 0;
		try {
			for (await Ve(); this.#s && !this.#n;) {
				this.#s = !1;
				let t = this.#l, n = this.#u;
				this.#l = V(), this.#u = V(), this.#d = t.promise, this.#f = n.promise;
				try {
					await this.#v(t), n.resolve(), e = 0;
				} catch (r) {
					if (this.#n) {
						t.reject(new N()), n.reject(new N());
						return;
					}
					let i = r.code;
					if ((i === "unavailable" || i === "too-fast") && e < 6) {
						e++, this.#l.promise.then(t.resolve, t.reject), this.#u.promise.then(n.resolve, n.reject), this.#s = !0, await new Promise((t) => setTimeout(t, Math.min(4e3, 250 * 2 ** e)));
						continue;
					}
					H(r), this.#p > 0 && (this.#d = Promise.resolve()), t.reject(r), n.reject(r), (i === "not-found" || i === "conflict") && this.#y();
				}
			}
		} finally {
			this.#c = !1;
		}
	}
	async #v(e) {
		this.#o && le(this.pc);
		let t = await this.pc.createOffer();
		await this.pc.setLocalDescription(t);
		let n = this.#e.request("offer", {
			transport: this.name,
			sdp: t.sdp ?? ""
		});
		this.#p++, e.resolve();
		let { sdp: r } = await n;
		await this.pc.setRemoteDescription({
			type: "answer",
			sdp: r
		});
	}
	#y() {
		this.#n || (this.close(), this.#e.lost());
	}
}, Le = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
function R(e) {
	try {
		let t = e.getHeaderExtensionsToNegotiate?.(), n = t?.find(({ uri: e }) => e === Le);
		if (!t || n?.direction !== "stopped") return;
		n.direction = "sendrecv", e.setHeaderExtensionsToNegotiate?.(t);
	} catch (e) {
		H(e);
	}
}
function Re(e, t) {
	let n = e.filter(({ mimeType: e }) => !/\/(rtx|red|ulpfec|flexfec-03)$/i.test(e)), [r] = B(n, t);
	if (!r) return {
		name: "",
		modes: void 0
	};
	let i = n.filter(({ mimeType: e }) => e.toLowerCase() === r.mimeType.toLowerCase()).flatMap(({ scalabilityModes: e = [] }) => e);
	return {
		name: r.mimeType.replace(/^.*\//, ""),
		modes: i.length > 0 ? [...new Set(i)] : void 0
	};
}
function z(e, t, n) {
	if (n.length === 0 || typeof e.setCodecPreferences != "function") return;
	let r = RTCRtpReceiver.getCapabilities?.(t);
	if (r) try {
		e.setCodecPreferences(B(r.codecs, n));
	} catch (e) {
		H(e);
	}
}
function ze(e, t) {
	if (typeof e.setCodecPreferences != "function") return;
	let n = RTCRtpReceiver.getCapabilities?.(t);
	if (!n) return;
	let r = Be(n.codecs);
	if (!r.every((e) => /\/rtx$/i.test(e.mimeType))) try {
		e.setCodecPreferences(r);
	} catch (e) {
		H(e);
	}
}
function Be(e) {
	return e.filter(({ mimeType: e, sdpFmtpLine: t = "" }) => {
		switch (e.toLowerCase()) {
			case "audio/opus":
			case "audio/red":
			case "audio/g722":
			case "audio/pcmu":
			case "audio/pcma":
			case "video/vp8":
			case "video/rtx": return !0;
			case "video/vp9": return !/(^|;)\s*profile-id=[1-9]/i.test(t);
			case "video/av1": return !/(^|;)\s*profile=[1-9]/i.test(t);
			case "video/h264": return /packetization-mode=1/i.test(t) && !/profile-level-id=f4/i.test(t);
			default: return !1;
		}
	});
}
function B(e, t) {
	let n = (e) => {
		let n = e.mimeType.slice(e.mimeType.indexOf("/") + 1).toLowerCase(), r = t.findIndex((e) => e.toLowerCase() === n);
		return r >= 0 ? r : t.length;
	};
	return [...e].sort((e, t) => n(e) - n(t));
}
function Ve() {
	return new Promise((e) => {
		let { port1: t, port2: n } = new MessageChannel();
		t.onmessage = () => {
			t.close(), e();
		}, n.postMessage(null);
	});
}
function V() {
	let e, t, n = new Promise((n, r) => {
		e = n, t = r;
	});
	return n.catch(() => {}), {
		promise: n,
		resolve: e,
		reject: t
	};
}
function H(e) {
	console.warn("tertulia:", e);
}
// src/pair.ts
var He = 50, Ue = 1500, We = 3e3, Ge = 1e3, Ke = 64, qe = class {
	participant;
	#e;
	#t;
	#n;
	#r;
	#i = 0;
	#a;
	#o = 0;
	#s = !1;
	#c = /* @__PURE__ */ new Map();
	#l = [];
	#u = [];
	#d = /* @__PURE__ */ new Map();
	#f = [];
	#p = !1;
	#m = [];
	#h;
	#g;
	#_;
	#v = !1;
	#y = [];
	#b;
	constructor(e, t, n, r = 0) {
		this.participant = t, this.#e = de(e, t), this.#t = n, this.#i = r, this.#g = new w({
			state: () => this.#n.iceConnectionState,
			live: n.live,
			restart: () => {
				this.#n.restartIce(), this.#O();
			},
			giveUp: () => this.#T(!1),
			patience: this.#e ? 0 : Ue
		}), this.#S(), r > 0 && this.#O();
	}
	get connection() {
		return this.#i;
	}
	get pc() {
		return this.#n;
	}
	get connected() {
		return C(this.#n.iceConnectionState);
	}
	get used() {
		return this.#c.size > 0 || this.#d.size > 0;
	}
	send(e, t, n) {
		this.#c.set(e, {
			stream: t,
			tracks: n
		}), this.#E();
	}
	withdraw(e) {
		this.#c.delete(e) && this.#E();
	}
	get sends() {
		return [...this.#c.keys()];
	}
	async replaced(e, t) {
		let n = this.#l.find((n) => n.stream === e && n.track.id === t.id);
		n && !U(n.transceiver) && await n.transceiver.sender.replaceTrack(t.mediaTrack ?? null);
	}
	openChannel(e, t) {
		return this.#r.begin(), this.#k(), this.#n.createDataChannel(e, t);
	}
	sentMid(e, t) {
		return this.#l.find((n) => n.stream === e && n.track.id === t)?.transceiver.mid ?? void 0;
	}
	receivedMid(e, t) {
		for (let [n, { stream: r, track: i }] of this.#d) if (r === e && i === t) return n;
	}
	received() {
		return [...this.#d].map(([e, { stream: t, track: n }]) => {
			let r = this.#n.getTransceivers().find((t) => t.mid === e);
			return {
				stream: t,
				track: n,
				mediaTrack: r?.currentDirection === "recvonly" || r?.currentDirection === "sendrecv" ? r.receiver.track : void 0
			};
		});
	}
	async levels(e, t) {
		let n = [];
		for (let [t, { stream: r, track: i }] of this.#d) {
			if (!e(r, i)) continue;
			let a = this.#n.getTransceivers().find((e) => e.mid === t)?.receiver;
			if (a?.track.kind !== "audio") continue;
			let o = a.getSynchronizationSources?.()[0]?.audioLevel;
			o !== void 0 && n.push({
				stream: r,
				track: i,
				level: I(o)
			});
		}
		for (let { stream: e, track: r, transceiver: i } of this.#l) {
			if (r.kind !== "audio" || t(e, r.id)) continue;
			let a = await i.sender.getStats?.().catch(() => void 0);
			for (let [, t] of a ?? []) t.type === "media-source" && t.audioLevel !== void 0 && n.push({
				stream: e,
				track: r.id,
				level: r.muted ? -127 : I(t.audioLevel)
			});
		}
		return n;
	}
	hear(e) {
		if (!this.#s && (e.peer === void 0 || e.peer === this.#i) && !(e.connection < (this.#a ?? 0))) {
			if (this.#a !== void 0 && e.connection > this.#a && !(e.peer !== void 0 && this.#r.anew())) {
				let t = this.#o + Ge - Date.now();
				if (t > 0 || this.#b !== void 0) return this.#x(e, t);
				this.#w();
			}
			if (this.#a = e.connection, e.description) {
				let t = {
					...e.description,
					offer: e.offer ?? 0
				};
				this.#r.describe(t, e.tracks ?? []);
			}
			e.candidates && this.#r.candidates(e.candidates), !e.description && !e.candidates && this.#r.asked(), this.#k();
		}
	}
	#x(e, t) {
		let n = this.#y[0]?.connection ?? 0;
		e.connection < n || (e.connection > n && (this.#y = []), this.#y.length < Ke && this.#y.push(e), this.#b ??= setTimeout(() => {
			this.#b = void 0;
			for (let e of this.#y.splice(0)) this.hear(e);
		}, t));
	}
	sessionRebuilt() {
		this.#f = [], this.#r.lost(), this.#e ? this.#O() : this.#k();
	}
	signallingBack() {
		this.#g.signallingBack();
	}
	close() {
		this.#s = !0, clearTimeout(this.#_), clearTimeout(this.#b), this.#g.close(), this.#C(), this.#d.clear(), this.#f = [];
	}
	#S() {
		this.#i++, this.#o = Date.now(), this.#a = void 0, this.#v = !1, this.#l = [], this.#u = [], this.#d = /* @__PURE__ */ new Map(), this.#r = new ue(this.#e);
		let e = Je(this.#t.configuration());
		this.#n = e, e.onicecandidate = ({ candidate: e }) => {
			e?.candidate && this.#P(e.toJSON());
		}, e.ondatachannel = ({ channel: e }) => this.#t.channel(e), e.oniceconnectionstatechange = () => {
			this.#g.watch(), this.#t.changed(this);
		}, e.onconnectionstatechange = () => {
			e.connectionState === "failed" && e.iceConnectionState !== "failed" && this.#T();
		}, this.#E();
	}
	#C() {
		this.#g.reset(), clearTimeout(this.#h), this.#h = void 0, this.#m = [];
		let e = this.#n;
		e.onicecandidate = e.ondatachannel = e.oniceconnectionstatechange = e.onconnectionstatechange = null, e.close();
	}
	#w() {
		this.#s || (clearTimeout(this.#_), this.#_ = void 0, this.#C(), this.#f = [], this.#S(), this.#t.begun(), this.#t.changed(this));
	}
	#T(e = !0) {
		this.#v ||= e, this.#_ ??= setTimeout(() => {
			this.#_ = void 0, (!this.connected || this.#v) && (this.#w(), this.#O());
		}, We * (.5 + Math.random() / 2));
	}
	#E() {
		let e = !1, t = ({ stream: e, track: t }) => this.#c.get(e)?.tracks.some(({ id: e }) => e === t.id) ?? !1;
		for (let { transceiver: n } of this.#l.filter((e) => !t(e))) e = !0, U(n) || (n.sender.replaceTrack(null).catch(W), n.direction = "inactive", this.#u.push(n));
		this.#l = this.#l.filter(t);
		for (let [t, { stream: n, tracks: r }] of this.#c) for (let i of r) this.#l.some((e) => e.stream === t && e.track.id === i.id) || (this.#l.push({
			stream: t,
			track: i,
			transceiver: this.#D(n, i)
		}), e = !0);
		e && this.#O();
	}
	#D(e, t) {
		let n = this.#u.findIndex((e) => e.receiver.track.kind === t.kind && !U(e)), [r] = n >= 0 ? this.#u.splice(n, 1) : [];
		if (r) return r.direction = "sendonly", z(r, t.kind, this.#t.codecs()), r.sender.replaceTrack(t.mediaTrack ?? null).catch(W), new j(r, [e.plainEncoding(t)]).apply(), r;
		let i = this.#n.addTransceiver(t.mediaTrack ?? t.kind, {
			direction: "sendonly",
			sendEncodings: [e.plainEncoding(t)]
		});
		return z(i, t.kind, this.#t.codecs()), i;
	}
	#O() {
		this.#r.need(), this.#k();
	}
	#k() {
		queueMicrotask(() => void this.#A(this.#r));
	}
	async #A(e) {
		for (; !this.#s && e === this.#r;) {
			let t = e.next();
			if (!t) return;
			try {
				await this.#j(this.#n, t);
			} catch (t) {
				if (this.#s || e !== this.#r) return;
				W(t), this.#T();
			} finally {
				e.done();
			}
		}
	}
	async #j(e, t) {
		switch (this.#g.expect(), t.do) {
			case "ask":
				this.#F({});
				break;
			case "offer":
				this.#e && le(e), await e.setLocalDescription(await e.createOffer()), this.#M(e, t.offer);
				break;
			case "accept":
				await e.setRemoteDescription({
					type: "offer",
					sdp: t.sdp
				}), await e.setLocalDescription(await e.createAnswer()), this.#M(e, t.offer), this.#N(e, t.extra);
				break;
			case "complete":
				await e.setRemoteDescription({
					type: "answer",
					sdp: t.sdp
				}), this.#N(e, t.extra);
				break;
			case "repeat":
				this.#M(e, t.offer);
				break;
			case "candidates": for (let n of t.candidates) await e.addIceCandidate(n).catch(() => {});
		}
	}
	#M(e, t) {
		let n = e.localDescription;
		if (e !== this.#n || !n || n.type !== "offer" && n.type !== "answer") return;
		for (let e of this.#l) {
			let { mid: t } = e.transceiver;
			t !== null && n.sdp.includes(`a=mid:${t}\r\n`) && (e.mid = t);
		}
		let r = this.#l.flatMap(({ stream: e, track: t, mid: n, transceiver: r }) => n !== void 0 && (n === r.mid || U(r)) ? [{
			mid: n,
			stream: e,
			track: t.id
		}] : []);
		this.#F({
			description: {
				type: n.type,
				sdp: n.sdp
			},
			offer: t,
			tracks: r
		});
	}
	#N(e, t) {
		e === this.#n && (this.#d = new Map(t.map((e) => [e.mid, e])), this.#t.changed(this));
	}
	#P(e) {
		this.#m.push(e), this.#h ??= setTimeout(() => {
			this.#h = void 0, this.#F({ candidates: this.#m.splice(0) });
		}, He);
	}
	#F(e) {
		this.#f.push({
			connection: this.#i,
			peer: this.#a,
			...e
		}), this.#p || this.#I();
	}
	async #I() {
		this.#p = !0;
		for (let e = this.#f[0]; e && !this.#s; e = this.#f[0]) {
			try {
				await this.#t.request("signal", {
					to: this.participant,
					data: e
				});
			} catch (e) {
				let t = e.code;
				if (t === "too-fast" || t === "unavailable") {
					await new Promise((e) => setTimeout(e, 1e3 + Math.random() * 2e3));
					continue;
				}
				t !== "not-found" && t !== "closed" && !(e instanceof N) && W(e);
			}
			this.#f[0] === e && this.#f.shift();
		}
		this.#p = !1;
	}
};
function U({ direction: e }) {
	return e === "stopped";
}
function Je(e) {
	let t = {
		bundlePolicy: "max-bundle",
		rtcpMuxPolicy: "require"
	};
	try {
		return new RTCPeerConnection({
			...t,
			...e
		});
	} catch (n) {
		return W(n), new RTCPeerConnection({
			...t,
			...e,
			iceServers: []
		});
	}
}
function W(e) {
	console.warn("tertulia:", e);
}
// src/peer-signal.ts
var Ye = 1024, Xe = 256;
function Ze(e) {
	if (!G(e) || !K(e.connection) || e.connection === 0) return;
	let { connection: t, peer: n, description: r, offer: i, tracks: a, candidates: o } = e;
	if ((n === void 0 || K(n)) && (r === void 0 || Qe(r)) && (!r || K(i)) && (a === void 0 || q(a, Ye, $e)) && (o === void 0 || q(o, Xe, G))) return {
		connection: t,
		peer: n,
		description: r,
		offer: K(i) ? i : void 0,
		tracks: a,
		candidates: o
	};
}
function G(e) {
	return typeof e == "object" && !!e && !Array.isArray(e);
}
function K(e) {
	return Number.isSafeInteger(e) && e >= 0;
}
function q(e, t, n) {
	return Array.isArray(e) && e.length <= t && e.every(n);
}
function Qe(e) {
	return G(e) && (e.type === "offer" || e.type === "answer") && typeof e.sdp == "string";
}
function $e(e) {
	return G(e) && typeof e.mid == "string" && K(e.stream) && typeof e.track == "string";
}
// src/p2p.ts
var et = 1e4, tt = 300, nt = class {
	#e;
	#t = /* @__PURE__ */ new Map();
	#n = /* @__PURE__ */ new Map();
	#r = /* @__PURE__ */ new Map();
	#i = /* @__PURE__ */ new Map();
	#a;
	#o = new Fe();
	#s;
	constructor(e) {
		this.#e = e;
	}
	get pairs() {
		return this.#t;
	}
	get connected() {
		let e = [...this.#t.values()].filter((e) => e.used);
		return e.length === 0 || e.some((e) => e.connected);
	}
	carrier() {
		return new rt(this);
	}
	publish(e, t) {
		this.#r.get(e)?.stream !== t && (this.unpublish(t), this.#r.set(e, {
			stream: t,
			channels: /* @__PURE__ */ new Map()
		}));
		for (let t of this.#i.get(e)?.keys() ?? []) this.#u(e, t);
	}
	unpublish(e) {
		for (let [t, n] of this.#r) if (n.stream === e) {
			for (let e of n.channels.values()) e.close();
			this.#r.delete(t), this.#i.delete(t);
			for (let e of this.#t.values()) e.withdraw(t);
		}
	}
	async replaced(e, t) {
		await Promise.all([...this.#t.values()].map((n) => n.replaced(e, t)));
	}
	open(e, t) {
		let n = this.#r.get(t);
		if (!n) return;
		let r = n.channels.get(e);
		if (!r) {
			let i = r = new ce(e.options);
			n.channels.set(e, i), e.on("close", () => {
				i.close(), n.channels.delete(e);
			});
			for (let e of this.#i.get(t)?.keys() ?? []) this.#u(t, e);
		}
		e.attach(r);
	}
	subscribed({ stream: e, participant: t, tracks: n, data: r = !1 }) {
		let i = this.#i.get(e);
		i || this.#i.set(e, i = /* @__PURE__ */ new Map()), i.set(t, {
			tracks: n,
			data: r
		}), this.#u(e, t);
	}
	unsubscribed({ stream: e, participant: t }) {
		this.#i.get(e)?.delete(t), this.#t.get(t)?.withdraw(e);
		for (let n of this.#r.get(e)?.channels.values() ?? []) n.remove(t);
	}
	heard({ from: e, data: t }) {
		let n = Ze(t);
		n && this.#c(e).hear(n);
	}
	left(e) {
		let t = this.#t.get(e);
		t && this.#n.set(e, t.connection), t?.close(), this.#t.delete(e);
		for (let t of this.#i.values()) t.delete(e);
		for (let { channels: t } of this.#r.values()) for (let n of t.values()) n.remove(e);
	}
	wants(e) {
		let t = this.#t.get(e);
		t && this.#f(t);
	}
	signallingBack() {
		for (let e of this.#t.values()) e.signallingBack();
	}
	sessionRebuilt(e) {
		this.#i.clear();
		for (let t of e) this.returned(t);
		clearTimeout(this.#a), this.#a = setTimeout(() => {
			for (let [e, t] of this.#t) for (let n of t.sends) this.#i.get(n)?.has(e) || this.unsubscribed({
				stream: n,
				participant: e
			});
		}, et);
	}
	returned(e) {
		let t = this.#t.get(e);
		t ? t.sessionRebuilt() : this.#n.has(e) && this.#c(e);
	}
	close() {
		clearTimeout(this.#a), clearInterval(this.#s), this.#s = void 0;
		for (let e of [...this.#t.keys()]) this.left(e);
		for (let { stream: e } of [...this.#r.values()]) this.unpublish(e);
		this.#i.clear(), this.#n.clear();
	}
	#c(e) {
		let t = this.#t.get(e);
		if (!t) {
			let { request: n, live: r, configuration: i, codecs: a } = this.#e, o = {
				request: n,
				live: r,
				configuration: i,
				codecs: a,
				changed: (e) => {
					this.#f(e), e.pc.iceConnectionState === "disconnected" && this.#e.wake();
				},
				begun: () => this.#d(e),
				channel: (t) => this.#e.channel(t, e)
			};
			t = new qe(this.#e.me(), e, o, this.#n.get(e)), this.#t.set(e, t), this.#s ??= setInterval(() => void this.#l(), tt);
		}
		return t;
	}
	async #l() {
		let e = /* @__PURE__ */ new Map(), t = (t, n) => e.has(`${t} ${n}`);
		for (let n of this.#t.values()) {
			let r = (e, t) => this.#e.streamsOf(n.participant).some(({ id: n, tracks: r }) => n === e && r.some((e) => e.id === t));
			for (let i of await n.levels(r, t)) e.set(`${i.stream} ${i.track}`, i);
		}
		let n = this.#o.hear(Date.now(), [...e.values()]);
		n && this.#s !== void 0 && this.#e.speakers(n);
	}
	#u(e, t) {
		let n = this.#i.get(e)?.get(t), r = this.#r.get(e);
		if (!n || !r) return;
		let { stream: i, channels: a } = r, { tracks: o, data: s } = n, c = this.#c(t);
		c.send(e, i, i.tracks.filter((e) => !o || o.includes(e.id)));
		for (let [n, r] of a) s ? r.knows(t) || r.add(t, c.openChannel(n.label, {
			...n.options,
			protocol: `stream:${e}`
		})) : r.remove(t);
	}
	#d(e) {
		for (let t of this.#e.streamsOf(e)) for (let e of [...t.channels]) e.close();
		for (let [t, { channels: n }] of this.#r) {
			for (let t of n.values()) t.remove(e);
			this.#u(t, e);
		}
	}
	#f(e) {
		let t = e.received();
		for (let n of this.#e.streamsOf(e.participant)) for (let { id: r, state: i, mediaTrack: a } of n.tracks) {
			if (i === "none") continue;
			let o = t.find((e) => e.stream === n.id && e.track === r), { mediaTrack: s } = o ?? {};
			if (o && !s) n.setTrack(r, {
				mediaTrack: s,
				state: "codec-unsupported",
				reason: "This browser and that of the publisher have no codec in common."
			});
			else if (s && e.connected) n.setTrack(r, {
				mediaTrack: s,
				state: "active",
				reason: void 0
			});
			else {
				let t = s ?? (a?.readyState === "live" && !e.connected ? a : void 0);
				n.setTrack(r, {
					mediaTrack: t,
					state: "waiting",
					reason: void 0
				});
			}
		}
	}
}, rt = class {
	closed = !1;
	#e;
	#t;
	#n;
	constructor(e) {
		this.#e = e;
	}
	async take(e) {
		return this.#t = e, e.tracks.map(v);
	}
	async negotiated() {}
	published(e) {
		this.#n = e, this.#t && this.#e.publish(e, this.#t);
	}
	midOf() {}
	async replaced(e) {
		this.#n !== void 0 && await this.#e.replaced(this.#n, e);
	}
	layersWanted() {}
	open(e, t) {
		this.#e.open(e, t);
	}
	release() {
		this.#t && this.#e.unpublish(this.#t), this.#n = void 0;
	}
}, it = class {
	#e;
	#t;
	#n = -Infinity;
	constructor(e, t) {
		this.#e = 1e3 / e, this.#t = t * this.#e;
	}
	take(e, t = 1) {
		return this.#n = Math.max(this.#n, e - this.#t) + t * this.#e, Math.max(0, this.#n - e);
	}
}, at = class {
	stream;
	id;
	done;
	#e;
	#t;
	#n = /* @__PURE__ */ new Map();
	#r = !1;
	#i = 0;
	#a = !1;
	#o = !1;
	#s;
	#c;
	constructor(e, t) {
		this.stream = e, this.#e = t, this.done = new Promise((e, t) => {
			this.#s = e, this.#c = t;
		}), this.done.catch(() => {});
	}
	midOf(e) {
		return this.#t?.midOf(e);
	}
	async publish(e, t) {
		if (this.#o) return;
		let n = ++this.#i, r = t ? this.id : void 0;
		this.#t = e, this.#r = !1, this.#n.clear();
		for (let e of this.stream.openChannels) e.detach();
		try {
			let t = await e.take(this.stream);
			if (n !== this.#i) return;
			for (let { id: e, muted: n = !1 } of t) this.#n.set(e, n);
			let i = this.stream.attributes, [{ stream: a }] = await Promise.all([this.#e.request("publish", {
				stream: r,
				tracks: t.length > 0 ? t : void 0,
				data: this.stream.hasData || void 0,
				attributes: Object.keys(i).length > 0 ? i : void 0
			}), e.negotiated()]);
			if (this.#o) {
				this.#e.request("unpublish", { stream: a }).catch(() => {});
				return;
			}
			if (n !== this.#i) return;
			this.id = a, this.#r = !0, e.published(a);
			for (let e of this.stream.openChannels) this.channel(e);
			for (let e of this.stream.tracks) this.muted(e).catch(() => {}), this.layersWanted(e.id);
			i !== this.stream.attributes && this.attributes().catch(() => {}), this.#a = !0, this.#s();
		} catch (i) {
			if (n === this.#i && r !== void 0 && i.code === "conflict") {
				e.release(), this.publish(e, !1);
				return;
			}
			if (n !== this.#i || i instanceof N) return;
			let { code: a } = i;
			if (this.#a && (a === "too-fast" || a === "unavailable")) {
				setTimeout(() => {
					n === this.#i && this.publish(e, t);
				}, 1e3 + Math.random() * 2e3);
				return;
			}
			this.#l(i);
		}
	}
	async unpublish() {
		let { id: e } = this;
		this.#l(new t("cancelled", "The stream was unpublished.")), e !== void 0 && await this.#e.request("unpublish", { stream: e });
	}
	close(e) {
		this.#l(e);
	}
	async muted(e) {
		this.#r && this.id !== void 0 && this.#n.get(e.id) !== e.muted && (this.#n.set(e.id, e.muted), await J(this.#e.request("mute", {
			stream: this.id,
			track: e.id,
			muted: e.muted
		})));
	}
	layersWanted(e) {
		if (!this.#r || this.id === void 0) return;
		let t = this.#e.wantedLayers(this.id, e);
		t && this.#t?.layersWanted(e, t);
	}
	mutedByModerator(e) {
		this.#n.set(e, !0);
	}
	async replaced(e) {
		await this.#t?.replaced(e);
	}
	async attributes() {
		this.#r && this.id !== void 0 && await J(this.#e.request("attributes", {
			stream: this.id,
			attributes: this.stream.attributes
		}));
	}
	channel(e) {
		this.#r && this.id !== void 0 && this.#t?.closed === !1 && this.#t.open(e, this.id);
	}
	stopped() {
		this.unpublish().catch(() => {});
	}
	#l(e) {
		if (!this.#o) {
			this.#o = !0, this.#i++, this.#r = !1, this.id = void 0, this.stream.publisher = void 0;
			for (let e of this.stream.openChannels) e.close();
			this.#t?.release(), this.#c(e), this.#e.over(this, e);
		}
	}
};
async function J(e) {
	try {
		await e;
	} catch (e) {
		if (!(e instanceof N)) throw e;
	}
}
// src/attachment.ts
var ot = class {
	#e;
	#t;
	#n;
	#r;
	#i = [];
	#a = !1;
	#o;
	#s;
	priority;
	constructor(e, t, n) {
		this.#e = e, this.#t = n, this.priority = t, typeof ResizeObserver < "u" && (this.#n = new ResizeObserver(n), this.#n.observe(e)), this.#o = typeof IntersectionObserver > "u", this.#a = this.#o, this.#o || (this.#r = new IntersectionObserver((e) => {
			this.#o = !0, this.#a = e.at(-1)?.isIntersecting ?? !1, n();
		}), this.#r.observe(e));
		let r = e.ownerDocument;
		this.#c(r, "visibilitychange", n), r.defaultView && this.#c(r.defaultView, "resize", n), this.#c(e, "resize", n), this.#c(e, "enterpictureinpicture", (e) => {
			this.#s = e.pictureInPictureWindow, this.#s?.addEventListener("resize", n), n();
		}), this.#c(e, "leavepictureinpicture", () => {
			this.#s = void 0, n();
		});
	}
	view() {
		let e = this.#e, t = e.ownerDocument.defaultView?.devicePixelRatio ?? 1, { priority: n } = this, r = this.#s;
		if (r) return {
			width: r.width * t,
			height: r.height * t,
			visible: !0,
			priority: n
		};
		let i = e.ownerDocument.visibilityState === "hidden";
		if (!this.#o && !i) return;
		let { clientWidth: a, clientHeight: o } = e, s = this.#a && e.isConnected && !i && (this.#n === void 0 || a > 0 && o > 0), c = st({
			width: a,
			height: o
		}, {
			width: e.videoWidth,
			height: e.videoHeight
		}, e.ownerDocument.defaultView?.getComputedStyle?.(e).objectFit);
		return {
			width: c.width * t,
			height: c.height * t,
			visible: s,
			priority: n
		};
	}
	stop() {
		this.#n?.disconnect(), this.#r?.disconnect();
		for (let e of this.#i) e();
		this.#s?.removeEventListener("resize", this.#t);
	}
	#c(e, t, n) {
		e.addEventListener(t, n), this.#i.push(() => e.removeEventListener(t, n));
	}
};
function st(e, t, n) {
	if (!(e.width > 0 && e.height > 0 && t.width > 0 && t.height > 0)) return e;
	let r = [e.width / t.width, e.height / t.height];
	if (n === "fill" || n === "none") return e;
	let i = n === "cover" ? Math.max(...r) : Math.min(...r);
	return {
		width: t.width * i,
		height: t.height * i
	};
}
function ct(e) {
	let t = e.filter((e) => e !== void 0);
	if (t.length === 0) return;
	let n = t.filter(({ visible: e }) => e), r = (e) => {
		let r = (n.length > 0 ? n : t).map(e).filter((e) => e !== void 0);
		return r.length > 0 ? Math.max(...r) : void 0;
	};
	return {
		width: r(({ width: e }) => e) ?? 0,
		height: r(({ height: e }) => e) ?? 0,
		visible: n.length > 0,
		priority: r(({ priority: e }) => e)
	};
}
// src/preference.ts
var lt = 100, ut = 2e3, dt = 1e3, ft = 16, pt = {
	"at-once": 0,
	grow: lt,
	shrink: ut,
	pause: dt
}, mt = class {
	#e;
	#t;
	#n = "none";
	#r;
	see(e, t) {
		this.#e = t;
		let n = this.#a();
		n !== this.#n && (this.#n = n, this.#r = n === "none" ? void 0 : e + pt[n]);
	}
	timer() {
		return this.#r;
	}
	take(e) {
		if (!(this.#r === void 0 || e < this.#r)) return this.#r = void 0, this.#n = "none", this.#t = this.#i(), this.#t;
	}
	#i() {
		let e = this.#e;
		if (!e?.visible) return {
			...this.#t,
			paused: !0
		};
		let { width: t, height: n, priority: r } = e;
		return {
			width: ht(t),
			height: ht(n),
			priority: r,
			paused: !1
		};
	}
	#a() {
		let e = this.#t, t = this.#i();
		return t.paused ? e?.paused ? "none" : "pause" : !e || e.paused || e.priority !== t.priority ? "at-once" : gt(t.width, e.width) || gt(t.height, e.height) ? "grow" : t.width === e.width && t.height === e.height ? "none" : "shrink";
	}
};
function ht(e) {
	return Math.ceil(e / ft) * ft;
}
function gt(e, t) {
	return (e || Infinity) > (t || Infinity);
}
function _t(e, t) {
	if (!e && !t) return;
	let { width: n = 0, height: r = 0, frameRate: i = 0, maxBitrate: a = 0, priority: o = 10, paused: s = !1 } = {
		...vt(e),
		...vt(t)
	};
	return {
		width: n,
		height: r,
		frameRate: i,
		maxBitrate: a,
		priority: o,
		paused: s
	};
}
function vt(e = {}) {
	return Object.fromEntries(Object.entries(e).filter(([, e]) => e !== void 0));
}
// src/remote-stream.ts
var Y = class extends e {
	id;
	mediaStream = new MediaStream();
	#e;
	#t;
	#n = [];
	#r = [];
	#i;
	#a = !1;
	#o = /* @__PURE__ */ new Map();
	#s;
	#c;
	#l;
	#u = /* @__PURE__ */ new Map();
	constructor(e, t) {
		super(), this.id = e.id, this.#e = t, this.#t = e, this.#n = (e.tracks ?? []).map((e) => yt(e, void 0));
	}
	get participant() {
		return this.#e.participant();
	}
	get tracks() {
		return this.#n;
	}
	get hasData() {
		return this.#t.data ?? !1;
	}
	get attributes() {
		return this.#t.attributes ?? {};
	}
	get channels() {
		return this.#r;
	}
	get subscribed() {
		return this.#i !== void 0;
	}
	get ended() {
		return this.#a;
	}
	muted(e) {
		return this.#n.filter((t) => t.kind === e || t.id === e).every((e) => e.muted);
	}
	attach(e, t = {}) {
		this.#o.get(e)?.stop();
		let n = () => this.#d(), r = new ot(e, t.priority, n);
		return this.#o.set(e, r), this.#s ??= new mt(), e.srcObject !== this.mediaStream && (e.srcObject = this.mediaStream), n(), {
			element: e,
			setPriority: (e) => {
				r.priority = e, n();
			},
			detach: () => {
				r.stop(), this.#o.get(e) === r && (this.#o.delete(e), e.srcObject === this.mediaStream && (e.srcObject = null), n());
			}
		};
	}
	async prefer(e, t) {
		let n = this.#e.unlayered();
		if (n) throw n;
		let r = this.#n.filter((t) => t.kind === e || t.id === e);
		for (let { id: e } of r) t ? this.#u.set(e, { ...t }) : this.#u.delete(e);
		await Promise.all(r.map(({ id: e }) => this.#p(e)));
	}
	onDemand() {
		this.#l = { paused: !0 };
	}
	preference(e) {
		let t = this.#n.find((t) => t.id === e);
		return t && _t(t.kind === "video" ? this.#l : void 0, this.#u.get(e));
	}
	get publisherId() {
		return this.#t.participant;
	}
	get wanted() {
		return this.#i;
	}
	setWanted(e) {
		this.#i = e;
		for (let t of this.#n) !e || e.tracks !== void 0 && !e.tracks.includes(t.id) ? this.setTrack(t.id, {
			state: "none",
			reason: void 0,
			cause: void 0,
			mediaTrack: void 0
		}) : t.state === "none" && this.setTrack(t.id, { state: "waiting" });
		if (!e?.data) for (let e of [...this.#r]) e.close();
	}
	unbound() {
		for (let e of this.#n) e.state !== "none" && this.setTrack(e.id, {
			state: "waiting",
			reason: void 0,
			cause: void 0
		});
		for (let e of [...this.#r]) e.close();
	}
	update(e) {
		let t = JSON.stringify([
			this.#t.tracks,
			this.#t.attributes,
			this.#t.data
		]);
		this.#t = e;
		let n = this.#n;
		return this.#n = (e.tracks ?? []).map((e) => yt(e, n.find((t) => t.id === e.id))), t !== JSON.stringify([
			e.tracks,
			e.attributes,
			e.data
		]);
	}
	setTrack(e, t) {
		let n = this.#n.findIndex((t) => t.id === e), r = this.#n[n];
		if (!r) return;
		let i = {
			...r,
			...t
		};
		[
			"state",
			"reason",
			"cause",
			"mediaTrack",
			"codec"
		].every((e) => i[e] === r[e]) || (i.mediaTrack !== r.mediaTrack && (r.mediaTrack && this.mediaStream.removeTrack(r.mediaTrack), i.mediaTrack && this.mediaStream.addTrack(i.mediaTrack)), this.#n = this.#n.map((e, t) => t === n ? i : e), this.emit("track", i));
	}
	addChannel(e) {
		this.#r = [...this.#r, e], e.on("close", () => {
			this.#r = this.#r.filter((t) => t !== e);
		}), this.emit("channel", e);
	}
	end() {
		if (!this.#a) {
			this.setWanted(void 0), this.#a = !0, clearTimeout(this.#c);
			for (let e of this.#o.values()) e.stop();
			this.#o.clear(), this.emit("ended");
		}
	}
	#d() {
		let e = this.#s;
		if (!e || this.#a) return;
		let t = [...this.#o.values()].map((e) => e.view()), n = ct(t);
		(n || t.length === 0) && e.see(Date.now(), n), this.#f(e);
	}
	#f(e) {
		clearTimeout(this.#c);
		let t = e.timer();
		t !== void 0 && (this.#c = setTimeout(() => {
			let t = e.take(Date.now());
			if (t) {
				this.#l = t;
				for (let e of this.#n) e.kind === "video" && this.#p(e.id).catch((e) => console.warn("tertulia:", e));
			}
			this.#f(e);
		}, Math.max(0, t - Date.now())));
	}
	async #p(e) {
		if (this.#a || this.#e.unlayered()) return;
		let t = this.preference(e) ?? _t({}, {});
		t && await this.#e.prefer(this, e, t);
	}
};
function yt(e, t) {
	return {
		id: e.id,
		kind: e.kind,
		source: e.source,
		muted: e.muted ?? !1,
		codec: e.codec ?? t?.codec,
		state: t?.state ?? "none",
		reason: t?.reason,
		cause: t?.cause,
		mediaTrack: t?.mediaTrack
	};
}
// src/signal.ts
var bt = /* @__PURE__ */ new Set([
	"offer",
	"close",
	"publish",
	"unpublish",
	"subscribe",
	"unsubscribe",
	"mute",
	"attributes",
	"signal"
]), xt = class {
	#e;
	#t;
	#n;
	#r;
	#i = !1;
	#a = /* @__PURE__ */ new Map();
	#o = () => {
		(typeof document > "u" || document.visibilityState !== "hidden") && this.wake();
	};
	constructor(e) {
		this.#e = e, this.#t = new Ae(e.opening, e.random, e.times), this.#t.metadata = e.metadata;
	}
	start() {
		typeof window < "u" && (window.addEventListener("online", this.#o), document.addEventListener("visibilitychange", this.#o)), this.#t.start(Date.now()), this.#s();
	}
	set metadata(e) {
		this.#t.metadata = e;
	}
	get live() {
		return this.#t.live;
	}
	request(e, n) {
		let r = X(JSON.stringify(n));
		if (r > 524160) {
			let e = `That is ${r} bytes; a request can have ${g - 128}.`;
			return Promise.reject(new t("bad-request", e));
		}
		let i = this.#t.request(Date.now(), e, n, !bt.has(e)), a = new Promise((e, t) => this.#a.set(i, {
			resolve: e,
			reject: t
		}));
		return this.#s(), a;
	}
	wake() {
		this.#t.wake(Date.now()), this.#s();
	}
	leave() {
		this.#t.leave(Date.now()), this.#s();
	}
	leaveNow() {
		this.leave();
		let e = this.#n;
		this.#u(), e?.close(), this.#t.closed(Date.now(), 1e3, ""), this.#s();
	}
	#s() {
		if (this.#i) return;
		this.#i = !0;
		try {
			for (let e = this.#t.take(); e.length > 0; e = this.#t.take()) for (let t of e) switch (t.do) {
				case "open":
					this.#l();
					break;
				case "send":
					this.#n?.send(t.text);
					break;
				case "drop":
					this.#u();
					break;
				case "token":
					this.#d();
					break;
				case "entered":
					this.#e.entered(t.how, t.snapshot);
					break;
				case "state":
					this.#e.state(t.state);
					break;
				case "event":
					this.#e.event(t.type, t.data);
					break;
				case "answer":
					this.#c(t.id, (e) => e.resolve(t.data));
					break;
				case "fail":
					this.#c(t.id, (e) => e.reject(t.error));
					break;
				case "ended": this.#f(), this.#e.ended(t.reason, t.error);
			}
		} finally {
			this.#i = !1;
		}
		clearTimeout(this.#r);
		let e = this.#t.ended ? void 0 : this.#t.timer();
		e !== void 0 && (this.#r = setTimeout(() => {
			this.#t.advance(Date.now()), this.#s();
		}, Math.max(0, e - Date.now())));
	}
	#c(e, t) {
		let n = this.#a.get(e);
		this.#a.delete(e), n && t(n);
	}
	#l() {
		this.#u();
		let e;
		try {
			e = this.#e.openSocket?.(this.#e.url) ?? new WebSocket(this.#e.url);
		} catch (e) {
			queueMicrotask(() => {
				this.#t.closed(Date.now(), 1006, F(e)), this.#s();
			});
			return;
		}
		this.#n = e;
		let t = (t) => {
			this.#n === e && (t(), this.#s());
		};
		e.onopen = () => t(() => this.#t.opened(Date.now())), e.onmessage = (e) => t(() => this.#t.message(Date.now(), String(e.data))), e.onclose = (e) => t(() => {
			this.#n = void 0, this.#t.closed(Date.now(), e.code, e.reason);
		});
	}
	#u() {
		let e = this.#n;
		this.#n = void 0, e?.close();
	}
	async #d() {
		try {
			let e = await this.#e.token();
			this.#t.token(Date.now(), e);
		} catch (e) {
			this.#t.tokenFailed(Date.now(), e);
		}
		this.#s();
	}
	#f() {
		clearTimeout(this.#r), typeof window < "u" && (window.removeEventListener("online", this.#o), document.removeEventListener("visibilitychange", this.#o));
	}
};
function X(e) {
	return new TextEncoder().encode(e).length;
}
// src/room.ts
var St = 2e3, Ct = 6e3, wt = 4096, Tt = class extends e {
	#e;
	#t;
	#n;
	#r = 1;
	#i;
	#a;
	#o = "connected";
	#s;
	#c;
	#l = /* @__PURE__ */ new Map();
	#u = /* @__PURE__ */ new Map();
	#d = /* @__PURE__ */ new Map();
	#f = [];
	#p = /* @__PURE__ */ new Set();
	#m = /* @__PURE__ */ new Map();
	#h = /* @__PURE__ */ new Map();
	#g = /* @__PURE__ */ new WeakSet();
	#_ = new it(30, 150);
	#v = /* @__PURE__ */ new Set();
	#y = /* @__PURE__ */ new Set();
	#b;
	#x = new x();
	#S = new x();
	#C;
	#w = {
		level: 4,
		rtt: void 0,
		lossIn: 0,
		lossOut: 0
	};
	#T;
	#E;
	#D = () => this.#e.leaveNow();
	constructor(e, t) {
		super(), this.#e = e, this.#t = t, this.#n = this.#K();
	}
	get id() {
		return this.#s.id;
	}
	get name() {
		return this.#s.name;
	}
	get mode() {
		return this.#s.mode ?? "sfu";
	}
	get metadata() {
		return this.#s.metadata ?? {};
	}
	get codecs() {
		return this.#s.codecs ?? [];
	}
	get state() {
		return this.#o;
	}
	get me() {
		return this.#c;
	}
	get participants() {
		return this.#l;
	}
	get streams() {
		return this.#u;
	}
	get localStreams() {
		return [...this.#d.keys()];
	}
	get permissions() {
		return this.#c.permissions;
	}
	get quality() {
		return this.#w;
	}
	get speakers() {
		return this.#f;
	}
	can(e) {
		return this.#c.permissions.includes(e);
	}
	streamsOf(e) {
		let t = Z(e);
		return [...this.#u.values()].filter((e) => e.publisherId === t);
	}
	async publish(e) {
		if (this.#ne(), e.ended) throw new t("closed", "The stream is over.");
		if (e.published) throw new t("conflict", "The stream is published already.");
		let n = new at(e, {
			request: (e, t) => this.#e.request(e, t),
			wantedLayers: (e, t) => this.#h.get(e)?.get(t),
			over: () => {
				this.#d.delete(e), this.emit("local-streams");
			}
		});
		e.publisher = n, this.#d.set(e, n), n.publish(this.#J(), !1), await n.done, this.emit("local-streams");
	}
	async unpublish(e) {
		await this.#d.get(e)?.unpublish();
	}
	async subscribe(e, n = {}) {
		if (this.#ne(), this.#u.get(e.id) !== e) throw new t("closed", "The stream is over.");
		let r = Ot(e, n), i = e.wanted;
		e.setWanted(r);
		try {
			await this.#B(e);
		} catch (t) {
			throw e.wanted === r && this.#u.get(e.id) === e && e.setWanted(i), t;
		}
	}
	async unsubscribe(e) {
		e.wanted && (e.setWanted(void 0), this.#g.delete(e), await this.#U(this.#e.request("unsubscribe", { stream: e.id })));
	}
	async send(e, n = {}) {
		let r = X(JSON.stringify(e));
		if (r > 65536) throw new t("bad-request", `That is ${r} bytes; a message can have ${_}.`);
		let i = At();
		return await this.#e.request("message", {
			id: i,
			to: n.to?.map(Z),
			data: e
		}), i;
	}
	async mute(e, t) {
		await this.#e.request("mute", {
			stream: e.id,
			track: t,
			muted: !0
		});
	}
	async kick(e, t) {
		await this.#e.request("kick", {
			participant: Z(e),
			reason: t
		});
	}
	async setMetadata(e) {
		await this.#e.request("metadata", {
			of: "me",
			metadata: e
		}), this.#c = {
			...this.#c,
			metadata: e
		}, this.#e.metadata = e;
	}
	async setRoomMetadata(e) {
		await this.#e.request("metadata", {
			of: "room",
			metadata: e
		}), this.#s = {
			...this.#s,
			metadata: e
		};
	}
	async getStats(e = {}) {
		this.#ne();
		let [t, n] = await Promise.all([this.#S.read(this.#ee()), e.server ? this.#e.request("stats", {}) : void 0]), r = Et(n?.transports), { rtt: i, bitrateIn: a, bitrateOut: o, availableOut: s, protocol: c, raw: l } = t;
		return {
			time: Date.now(),
			quality: this.#w,
			rtt: i,
			bitrateIn: a,
			bitrateOut: o,
			availableOut: s,
			protocol: c,
			local: [...this.#d.values()].map((e) => ({
				stream: e.stream,
				tracks: e.stream.tracks.flatMap((n) => t.sent(e, n.id, n.mediaTrack?.id))
			})),
			remote: [...this.#u.values()].map((e) => ({
				stream: e,
				tracks: e.tracks.flatMap((n) => n.mediaTrack ? t.received(e, n.id, n.mediaTrack.id).map((t) => ({
					...t,
					layer: r.get(`${e.id} ${n.id}`)
				})) : [])
			})),
			raw: l,
			server: n?.transports
		};
	}
	leave() {
		return this.#o === "closed" ? Promise.resolve() : (this.#T ??= new Promise((e) => {
			this.#E = e, this.#e.leave();
		}), this.#T);
	}
	entered(e, t) {
		if (e === "joined") {
			this.#s = t.room, this.#c = Q(t.participant);
			for (let e of t.participants ?? []) this.#l.set(e.id, Q(e));
			for (let e of t.streams ?? []) e.participant !== this.#c.id && this.#u.set(e.id, this.#j(e));
			this.#a = t.iceServers, this.#q(), this.#i || this.#X();
			for (let e of this.#t.publish ?? []) this.publish(e).catch((e) => console.warn("tertulia:", e));
			for (let e of this.#u.values()) this.#R(e);
			typeof window < "u" && window.addEventListener("pagehide", this.#D), this.#C = setInterval(() => void this.#te(), St);
			return;
		}
		this.#a = t.iceServers, this.#n.close(), e === "rejoined" && this.#i?.close();
		let n = e === "resynced" && this.#i !== void 0;
		if (this.#F(t), this.#q(), !n) for (let e of this.#u.values()) e.unbound();
		this.#i ? this.#Y(e === "resynced") : this.#Q(e === "resynced");
	}
	stateChanged(e) {
		this.#o !== "closed" && this.#o !== e && (this.#o = e, this.emit("state", e), e === "connected" && (this.#n.signallingBack(), this.#i?.signallingBack()));
	}
	sessionEnded(e, t) {
		if (this.#o !== "closed") {
			this.#o = "closed", clearInterval(this.#C), clearTimeout(this.#b), typeof window < "u" && window.removeEventListener("pagehide", this.#D);
			for (let e of [...this.#d.values()]) e.close(t);
			this.#n.close(), this.#i?.close();
			for (let e of [...this.#u.values()]) this.#P(e);
			this.emit("state", "closed"), this.#E ? this.#E() : this.emit("ended", e, t.message);
		}
	}
	abandon() {
		this.#n.close();
	}
	handle(e, t) {
		let n = this.#O[e];
		n?.(t);
	}
	#O = {
		"participant-joined": (e) => this.#k(e),
		"participant-updated": (e) => this.#k(e),
		"participant-left": ({ participant: e, reason: t }) => this.#A(e, t),
		"stream-published": (e) => this.#M(e),
		"stream-updated": ({ stream: e, by: t }) => this.#N(e, t),
		"stream-unpublished": ({ stream: e }) => {
			let t = this.#u.get(e);
			t && this.#P(t);
		},
		slots: ({ transport: e, slots: t }) => {
			if (e === this.#n.name) for (let { mid: e, stream: n, track: r } of t) this.#W(e, n, r);
		},
		"slots-wanted": ({ transport: e, audio: t, video: n }) => {
			e === this.#n.name && this.#n.addSlots(t, n);
		},
		subscription: ({ stream: e, track: t, state: n, codec: r, reason: i, cause: a }) => {
			let o = {
				state: n,
				reason: i || void 0,
				cause: a || void 0
			}, s = this.#u.get(e);
			s?.wanted && s.setTrack(t, r ? {
				...o,
				codec: r
			} : o);
		},
		"layers-wanted": ({ stream: e, track: t, layers: n }) => {
			let r = this.#h.get(e);
			r || this.#h.set(e, r = /* @__PURE__ */ new Map()), r.set(t, n ?? []), this.#L(e)?.layersWanted(t);
		},
		"stream-subscribed": (e) => this.#i?.subscribed(e),
		"stream-unsubscribed": (e) => this.#i?.unsubscribed(e),
		signal: (e) => this.#i?.heard(e),
		message: ({ id: e, to: t, stream: n, from: r, time: i, data: a }) => {
			let o = `${r} ${e}`;
			if (this.#p.has(o)) return;
			if (this.#p.add(o), this.#p.size > wt) for (let e of this.#p) {
				this.#p.delete(e);
				break;
			}
			let s = this.#I(r);
			this.emit("message", {
				id: e,
				participant: s,
				from: r,
				time: new Date(i),
				private: (t?.length ?? 0) > 0,
				stream: n,
				data: a
			});
		},
		speakers: ({ speakers: e }) => {
			this.#f = (e ?? []).flatMap(({ stream: e, track: t, level: n }) => {
				let r = this.#u.get(e) ?? this.#L(e)?.stream;
				return r ? [{
					stream: r,
					participant: r instanceof Y ? r.participant : this.#c,
					track: t,
					level: n
				}] : [];
			}), this.emit("speakers", this.#f);
		},
		"room-updated": (e) => {
			this.#s = e, this.emit("room-updated");
		},
		transport: ({ transport: e, state: t }) => {
			e === this.#n.name && this.#n.told(t);
		}
	};
	#k(e) {
		let t = Q(e);
		if (e.id === this.#c.id) {
			this.#c = {
				...t,
				permissions: this.#c.permissions
			}, this.emit("participant-updated", t);
			return;
		}
		let n = this.#l.get(e.id);
		(this.#y.delete(e.id) || !n) && this.#i?.returned(e.id), this.#l.set(e.id, t), n ? JSON.stringify(n) !== JSON.stringify(t) && this.emit("participant-updated", t) : this.emit("participant-joined", t);
	}
	#A(e, t) {
		for (let t of this.streamsOf(e)) this.#P(t);
		let n = this.#l.get(e);
		this.#y.delete(e), this.#i?.left(e), n && (this.#l.delete(e), this.emit("participant-left", n, t));
	}
	#j(e) {
		let n = this.#l.get(e.participant), r = new Y(e, {
			participant: () => (n = this.#l.get(e.participant) ?? n, n ?? {
				id: e.participant,
				user: "",
				role: "",
				permissions: [],
				metadata: {}
			}),
			unlayered: () => this.#i && new t("unsupported", "This room is peer to peer: there is no server that chooses layers."),
			prefer: (e, t, n) => this.#V(e, t, n)
		});
		return this.#t.videoOnDemand && r.onDemand(), r;
	}
	#M(e) {
		if (e.participant === this.#c.id) return;
		let t = this.#u.get(e.id);
		if (t && t.publisherId === e.participant && Dt(t, e)) {
			this.#v.delete(e.id), this.#N(e, void 0), t.wanted && this.#z(t);
			return;
		}
		t && this.#P(t);
		let n = this.#j(e);
		this.#u.set(e.id, n), this.emit("stream-published", n), this.#R(n);
	}
	#N(e, t) {
		if (e.participant === this.#c.id) {
			let n = this.#L(e.id);
			if (!n || !t || t === this.#c.id) return;
			for (let r of e.tracks ?? []) r.muted && !n.stream.muted(r.id) && (n.mutedByModerator(r.id), n.stream.mutedBy(r.id, this.#I(t)));
			return;
		}
		let n = this.#u.get(e.id);
		if (!n?.update(e)) return;
		let r = t && t !== e.participant ? this.#I(t) : void 0;
		n.emit("updated", r), this.emit("stream-updated", n, r);
	}
	#P(e) {
		this.#u.get(e.id) === e && (this.#u.delete(e.id), this.#v.delete(e.id), e.end(), this.#i?.wants(e.publisherId), this.emit("stream-unpublished", e));
	}
	#F(e) {
		let t = this.#c;
		this.#c = Q(e.participant), JSON.stringify(t) !== JSON.stringify(this.#c) && this.emit("participant-updated", this.#c);
		let n = this.#s;
		this.#s = e.room, JSON.stringify(n) !== JSON.stringify(this.#s) && this.emit("room-updated"), this.#m.clear();
		let r = new Set((e.participants ?? []).map(({ id: e }) => e)), i = new Set((e.streams ?? []).map(({ id: e }) => e));
		this.#y = new Set([...this.#l.keys()].filter((e) => !r.has(e))), this.#v = new Set([...this.#u.keys()].filter((e) => !i.has(e)));
		for (let t of e.participants ?? []) this.#k(t);
		for (let t of e.streams ?? []) {
			let e = this.#u.get(t.id);
			e && e.publisherId === t.participant && Dt(e, t) ? this.#N(t, void 0) : this.#M(t);
		}
		clearTimeout(this.#b), this.#b = setTimeout(() => {
			for (let e of [...this.#v]) {
				let t = this.#u.get(e);
				t && this.#P(t);
			}
			for (let e of [...this.#y]) this.#A(e, "timeout");
		}, Ct);
	}
	#I(e) {
		return e === this.#c.id ? this.#c : this.#l.get(e);
	}
	#L(e) {
		return [...this.#d.values()].find((t) => t.id === e);
	}
	#R(e) {
		let { autoSubscribe: t = !0 } = this.#t;
		if (e.wanted || !this.can("subscribe")) return;
		let n = typeof t == "function" ? t(e) : t;
		n && (e.setWanted(Ot(e, n === !0 ? {} : n)), this.#z(e));
	}
	#z(e) {
		this.#B(e).catch((t) => {
			t.code === "too-fast" || t.code === "unavailable" ? setTimeout(() => this.#z(e), 1e3 + Math.random() * 2e3) : t.code !== "not-found" && t.code !== "closed" && console.warn("tertulia:", t);
		});
	}
	async #B(e) {
		let t = this.#n, { wanted: n } = e;
		if (!n || this.#o === "closed") return;
		if (this.#i) {
			this.#i.wants(e.publisherId);
			let { tracks: t, data: r } = n;
			await this.#U(this.#e.request("subscribe", {
				stream: e.id,
				tracks: t,
				data: r || void 0
			}));
			return;
		}
		n.data && t.needData();
		try {
			await t.offered();
		} catch (e) {
			if (e instanceof N) return;
			throw e;
		}
		let r = () => e.wanted === n && t === this.#n && this.#u.get(e.id) === e;
		if (!r()) return;
		let i = this.#_.take(Date.now(), 1 + e.tracks.filter(({ id: t }) => e.preference(t)).length);
		if (i > 0 && await kt(i), !r()) return;
		let a = {
			stream: e.id,
			transport: t.name
		};
		n.tracks && (a.tracks = n.tracks), n.data && (a.data = !0);
		let o = this.#e.request("subscribe", a);
		this.#g.add(e);
		for (let { id: t } of e.tracks) {
			let n = e.preference(t);
			n && this.#H(e, t, n).catch(() => {});
		}
		await this.#U(o);
	}
	async #V(e, t, n) {
		if (!e.wanted || !this.#g.has(e)) return;
		let r = this.#_.take(Date.now());
		r > 0 && await kt(r), await this.#H(e, t, r > 0 ? e.preference(t) ?? n : n);
	}
	async #H(e, t, n) {
		let { wanted: r } = e, i = r && (r.tracks === void 0 || r.tracks.includes(t));
		if (this.#o !== "closed" && i && this.#g.has(e)) try {
			await this.#U(this.#e.request("prefer", {
				stream: e.id,
				track: t,
				...n
			}));
		} catch (r) {
			let { code: i } = r;
			if (i === "too-fast" || i === "unavailable") {
				setTimeout(() => {
					let r = e.preference(t) ?? n;
					this.#V(e, t, r).catch(() => {});
				}, 1e3 + Math.random() * 2e3);
				return;
			}
			if (i !== "not-found" && i !== "closed") throw r;
		}
	}
	async #U(e) {
		try {
			await e;
		} catch (e) {
			if (!(e instanceof N)) throw e;
		}
	}
	#W(e, t, n) {
		let r = this.#n.slotTrack(e), i = this.#m.get(e);
		if (i && (i.stream !== t || i.track !== n)) {
			let t = this.#u.get(i.stream);
			t?.tracks.find((e) => e.id === i.track)?.mediaTrack === r && t?.setTrack(i.track, { mediaTrack: void 0 }), this.#m.delete(e);
		}
		t && n && (this.#m.set(e, {
			stream: t,
			track: n
		}), this.#u.get(t)?.setTrack(n, { mediaTrack: r }));
	}
	#G(e, t) {
		for (let [n, r] of this.#m) if (r.stream === e && r.track === t) return n;
	}
	#K(e) {
		let { iceServers: t, iceTransportPolicy: n } = this.#t, r = this.#r === 1 ? "main" : `main-${this.#r}`;
		return new Ie(r, {
			iceServers: t ?? this.#a ?? [],
			iceTransportPolicy: n
		}, {
			request: (e, t) => this.#e.request(e, t),
			live: () => this.#e.live,
			channel: (e) => this.#$(e),
			changed: () => {
				this.#n?.pc.iceConnectionState === "disconnected" && this.#e.wake();
			},
			lost: () => this.#Z(r)
		}, e);
	}
	#q() {
		this.mode === "p2p" ? (this.#n.close(), this.#i ??= new nt({
			request: (e, t) => this.#e.request(e, t),
			live: () => this.#e.live,
			me: () => this.#c.id,
			codecs: () => this.codecs,
			configuration: () => ({
				iceServers: this.#t.iceServers ?? this.#a ?? [],
				iceTransportPolicy: this.#t.iceTransportPolicy
			}),
			wake: () => this.#e.wake(),
			streamsOf: (e) => this.streamsOf(e),
			channel: (e, t) => this.#$(e, t),
			speakers: (e) => this.handle("speakers", { speakers: e })
		})) : (this.#i?.close(), this.#i = void 0);
	}
	#J() {
		return this.#i?.carrier() ?? new ee(this.#n);
	}
	#Y(e) {
		let t = [...this.#l.keys()].filter((e) => !this.#y.has(e));
		this.#i?.sessionRebuilt(t);
		for (let t of this.#d.values()) t.publish(this.#J(), e);
		for (let e of this.#u.values()) e.wanted && !this.#v.has(e.id) && this.#z(e);
	}
	#X() {
		this.#n.start(this.codecs, this.#t.iceServers ? void 0 : this.#a);
	}
	#Z(e) {
		if (this.#o === "closed" || e !== this.#n.name) return;
		this.#m.clear(), this.#Q(!0);
		let t = () => {
			this.#e.request("close", { transport: e }).catch(() => {});
		};
		this.#n.answered().then(t, t);
	}
	#Q(e) {
		this.#r++, this.#n = this.#K(this.#n.slots), this.#X(), this.#h.clear();
		for (let t of this.#d.values()) t.publish(this.#J(), e);
		for (let e of this.#u.values()) e.unbound(), this.#g.delete(e), e.wanted && !this.#v.has(e.id) && this.#z(e);
	}
	#$(e, t) {
		let n = Number(/^stream:(\d+)$/.exec(e.protocol)?.[1]), r = this.#u.get(n);
		if (!r?.wanted?.data || t !== void 0 && r.publisherId !== t) {
			e.close();
			return;
		}
		let { ordered: a, maxRetransmits: o, maxPacketLifeTime: s } = e, c = {
			ordered: a,
			maxRetransmits: o ?? void 0,
			maxPacketLifeTime: s ?? void 0
		}, l = new i(e.label, c, !1);
		r.addChannel(l), l.attach(e);
	}
	#ee() {
		return this.#i ? [...this.#i.pairs.values()].map((e) => ({
			pc: e.pc,
			participant: e.participant,
			sentMid: ({ id: t }, n) => t === void 0 ? void 0 : e.sentMid(t, n),
			receivedMid: (t, n) => t.publisherId === e.participant ? e.receivedMid(t.id, n) : void 0
		})) : [{
			pc: this.#n.pc,
			sentMid: (e, t) => e.midOf(t),
			receivedMid: (e, t) => this.#G(e.id, t)
		}];
	}
	async #te() {
		if (this.#o === "closed") return;
		let e = this.#n, t = this.#i, n = await this.#x.read(this.#ee()).catch(() => void 0);
		if (!n || e !== this.#n) return;
		let r = this.#w;
		this.#w = re(n, t ? t.connected : e.connected), r.level !== this.#w.level && this.emit("quality", this.#w);
	}
	#ne() {
		if (this.#o === "closed") throw new t("closed", "The room was left.");
	}
};
function Et(e) {
	let t = /* @__PURE__ */ new Map();
	for (let n of e ?? []) for (let { stream: e, track: r, layer: i } of n.router?.subscribed ?? []) i && t.set(`${e} ${r}`, i);
	return t;
}
function Z(e) {
	return typeof e == "string" ? e : e.id;
}
function Q(e) {
	let { id: t, user: n, role: r, permissions: i = [], metadata: a = {} } = e;
	return {
		id: t,
		user: n,
		role: r,
		permissions: i,
		metadata: a
	};
}
function Dt(e, t) {
	return (t.tracks ?? []).map(({ id: e, kind: t }) => `${t} ${e}`).join() === e.tracks.map(({ id: e, kind: t }) => `${t} ${e}`).join();
}
function Ot(e, t) {
	let { audio: n = !0, video: r = !0, data: i = e.hasData, tracks: a } = t, o = e.tracks.filter((e) => a ? a.includes(e.id) : e.kind === "audio" ? n : r).map((e) => e.id);
	return {
		tracks: o.length === e.tracks.length ? void 0 : o,
		data: i
	};
}
function kt(e) {
	return new Promise((t) => setTimeout(t, e));
}
function At() {
	let e = crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16));
	e[6] = (e[6] ?? 0) & 15 | 64, e[8] = (e[8] ?? 0) & 63 | 128;
	let t = Array.from(e, (e) => e.toString(16).padStart(2, "0")).join("");
	return [
		t.slice(0, 8),
		t.slice(8, 12),
		t.slice(12, 16),
		t.slice(16, 20),
		t.slice(20)
	].join("-");
}
// src/connect.ts
async function jt(e, n, r = {}) {
	c(), r.signal?.throwIfAborted();
	let { client: i, metadata: a, timeout: o = 15e3, reconnectFor: s } = r, l = !1, u, d = new Promise((e, t) => {
		u = {
			resolve: e,
			reject: t
		};
	}), f = new xt({
		url: Mt(e),
		token: () => typeof n == "string" ? n : n(),
		opening: {
			protocol: 1,
			client: (i ? `${i} ${h}` : h).slice(0, 128)
		},
		metadata: a,
		times: s === void 0 ? {} : { reconnectFor: s },
		entered: (e, t) => {
			l = !0, p.entered(e, t), u.resolve(p);
		},
		event: (e, t) => p.handle(e, t),
		state: (e) => p.stateChanged(e),
		ended: (e, t) => {
			l ? p.sessionEnded(e, t) : (p.abandon(), u.reject(t));
		}
	}), p = new Tt(f, { ...r }), m = (e) => {
		l || (u.reject(e), f.leave());
	}, g = () => m(r.signal?.reason);
	r.signal?.addEventListener("abort", g);
	let _ = setTimeout(() => m(new t("timeout", "The server did not let us in in time.")), o);
	try {
		return f.start(), await d;
	} finally {
		clearTimeout(_), r.signal?.removeEventListener("abort", g);
	}
}
function Mt(e) {
	let n;
	try {
		n = new URL(e, typeof location > "u" ? void 0 : location.href);
	} catch {
		throw new t("bad-request", `"${e}" is not an address: it should be like https://meet.example.org`);
	}
	let r = n.protocol === "https:" || n.protocol === "wss:";
	if (!r && n.protocol !== "http:" && n.protocol !== "ws:") throw new t("bad-request", `"${e}" is not an address of http or https.`);
	return `${r ? "wss" : "ws"}://${n.host}${n.pathname.replace(/\/+$/, "")}/v1/signal`;
}
// src/local-stream.ts
var Nt = {
	echoCancellation: !0,
	noiseSuppression: !0,
	autoGainControl: !0
}, Pt = {
	width: { ideal: 1280 },
	height: { ideal: 720 },
	frameRate: {
		ideal: 30,
		max: 30
	}
}, Ft = class n extends e {
	static async camera(e = {}) {
		let t = $(e.audio ?? !0, Nt, e.audioDeviceId), r = $(e.video ?? !0, Pt, e.videoDeviceId), i = await l({
			audio: t ?? !1,
			video: r ?? !1
		}), a = i.getTracks().map((e) => e.kind === "audio" ? {
			track: e,
			source: "microphone",
			constraints: t
		} : {
			track: e,
			source: "camera",
			constraints: r
		});
		return new n(i, a, e);
	}
	static async screen(e = {}) {
		let t = e.video ?? !0, r = await u({
			video: typeof t == "object" ? t : { frameRate: {
				ideal: 30,
				max: 30
			} },
			audio: e.audio ?? !1
		}), i = r.getTracks().map((e) => (e.kind === "video" && "contentHint" in e && (e.contentHint = "detail"), {
			track: e,
			source: e.kind === "video" ? "screen" : "screen-audio"
		}));
		return new n(r, i, e);
	}
	static from(e, t = {}) {
		let { source: r = "other" } = t, i = Array.isArray(e) ? new MediaStream(e) : e, a = i.getTracks().map((e) => ({
			track: e,
			source: typeof r == "function" ? r(e) : r
		}));
		return new n(i, a, t);
	}
	static data(e = {}) {
		return new n(new MediaStream(), [], {
			...e,
			data: !0
		});
	}
	mediaStream;
	hasData;
	#e;
	#t = [];
	#n;
	#r;
	#i = !1;
	#a = /* @__PURE__ */ new Set();
	constructor(e, t, n) {
		super(), this.mediaStream = e, this.hasData = n.data ?? !1, this.#e = n, this.#n = { ...n.attributes };
		let r = {
			audio: 0,
			video: 0
		};
		for (let { track: e, source: n, constraints: i } of t) {
			let t = e.kind, a = {
				id: `${t.charAt(0)}${++r[t]}`,
				kind: t,
				source: n,
				muted: !e.enabled,
				mediaTrack: e,
				constraints: i
			};
			this.#t.push(a), this.#u(a, e);
		}
	}
	get id() {
		return this.#r?.id;
	}
	get published() {
		return this.#r !== void 0;
	}
	get ended() {
		return this.#i;
	}
	get tracks() {
		return this.#t;
	}
	get attributes() {
		return this.#n;
	}
	muted(e) {
		return this.#o(e).every((e) => e.muted);
	}
	async mute(e, t = {}) {
		await Promise.all(this.#o(e).map(async (e) => {
			t.release && e.constraints && e.mediaTrack && this.#l(e, void 0), this.#s(e, !0, void 0), await this.#r?.muted(e), e.mediaTrack || await this.#r?.replaced(e);
		}));
	}
	async unmute(e) {
		await Promise.all(this.#o(e).map(async (e) => {
			!e.mediaTrack && e.constraints && await this.#c(e, e.constraints), this.#s(e, !1, void 0), await this.#r?.muted(e);
		}));
	}
	async setDevice(e, n) {
		let r = this.#t.find((t) => t.kind === e && t.constraints);
		if (!r?.constraints) throw new t("not-found", `This stream has no ${e === "audio" ? "microphone" : "camera"}.`);
		let i = r.constraints, a = {
			...i,
			deviceId: { exact: n }
		};
		if (!r.mediaTrack) r.constraints = a;
		else {
			e === "video" && r.mediaTrack.stop();
			try {
				await this.#c(r, a);
			} catch (t) {
				throw e === "video" && await this.#c(r, i).catch(() => this.#d(r)), t;
			}
		}
	}
	deviceId(e) {
		return this.#t.find((t) => t.kind === e)?.mediaTrack?.getSettings().deviceId;
	}
	async setAttributes(e) {
		this.#n = { ...e }, this.emit("updated"), await this.#r?.attributes();
	}
	openChannel(e, n = {}) {
		if (!this.hasData) throw new t("conflict", "The stream was made without data.");
		if (this.#i) throw new t("closed", "The stream is over.");
		if (n.maxRetransmits !== void 0 && n.maxPacketLifeTime !== void 0) throw new t("bad-request", "A channel has either maxRetransmits or maxPacketLifeTime, not both.");
		let r = new i(e, n, !0);
		return this.#a.add(r), r.on("close", () => this.#a.delete(r)), this.#r?.channel(r), r;
	}
	stop() {
		if (!this.#i) {
			this.#i = !0;
			for (let e of this.#t) e.mediaTrack?.stop();
			for (let e of [...this.#a]) e.close();
			this.#r?.stopped(), this.emit("ended");
		}
	}
	get openChannels() {
		return this.#a;
	}
	get publisher() {
		return this.#r;
	}
	set publisher(e) {
		this.#r = e;
	}
	encodings(e, t) {
		if (e.kind === "audio") return be(this.#e.maxAudioBitrate);
		let { width: n, height: r } = e.mediaTrack?.getSettings() ?? {};
		return ye({
			source: e.source,
			width: n,
			height: r
		}, this.#e, t);
	}
	plainEncoding(e) {
		let t = this.encodings(e, {
			name: "",
			modes: []
		}).at(-1)?.maxBitrate;
		return t === void 0 ? {} : { maxBitrate: t };
	}
	mutedBy(e, t) {
		let n = this.#t.find((t) => t.id === e);
		n && !n.muted && this.#s(n, !0, t);
	}
	#o(e) {
		return this.#t.filter((t) => t.kind === e || t.id === e);
	}
	#s(e, t, n) {
		e.mediaTrack && (e.mediaTrack.enabled = !t), e.muted !== t && (e.muted = t, this.emit("mute", e, n));
	}
	async #c(e, n) {
		let [r] = (await l({ [e.kind]: n })).getTracks();
		if (!r) throw new t("device-missing", "The device gives nothing.");
		if (this.#i) throw r.stop(), new t("closed", "The stream is over.");
		r.enabled = !e.muted, e.constraints = n, this.#l(e, r), await this.#r?.replaced(e);
	}
	#l(e, t) {
		let n = e.mediaTrack;
		e.mediaTrack = t, n && (this.mediaStream.removeTrack(n), n.stop()), t && (this.mediaStream.addTrack(t), this.#u(e, t)), this.emit("track", e);
	}
	#u(e, t) {
		t.addEventListener("ended", () => {
			this.#i || e.mediaTrack !== t || (e.constraints ? this.#d(e) : this.#t.every((e) => e.mediaTrack?.readyState !== "live" || It(e)) && this.stop());
		});
	}
	#d(e) {
		this.emit("device-lost", e);
	}
};
function It(e) {
	return e.source === "screen-audio";
}
function $(e, t, n) {
	if (e === !1) return;
	let r = {
		...t,
		...e === !0 ? {} : e
	};
	return n ? {
		...r,
		deviceId: { exact: n }
	} : r;
}
export { i as Channel, e as Emitter, Ft as LocalStream, Y as RemoteStream, Tt as Room, t as TertuliaError, c as checkSupport, jt as connect, o as devices, s as onDeviceChange };
