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
		let i = typeof e == "string" ? e : o(e), s = typeof i == "string" ? new TextEncoder().encode(i).length : i.byteLength;
		if (s > n) throw new t("bad-request", `That is ${s} bytes; a message can have ${n}.`);
		if (this.#t?.readyState === "open") a(this.#t, i);
		else {
			if (this.#i + s > r) throw new t("limit", "The channel is not open, and 1 MB waits for it already.");
			this.#r.push(i), this.#i += s;
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
				for (let t of this.#r) a(e, t);
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
function a(e, t) {
	e.send(t);
}
function o(e) {
	if (e instanceof ArrayBuffer) return e.slice(0);
	let t = new Uint8Array(e.byteLength);
	return t.set(new Uint8Array(e.buffer, e.byteOffset, e.byteLength)), t.buffer;
}
// src/devices.ts
async function s() {
	return h(await f().enumerateDevices());
}
function c(e) {
	let t = f(), n = () => {
		s().then(e, () => {});
	};
	return t.addEventListener("devicechange", n), () => t.removeEventListener("devicechange", n);
}
function l(e = {}) {
	let n = typeof RTCPeerConnection == "function" ? RTCPeerConnection.prototype : void 0;
	if (!n || typeof n.addTransceiver != "function" || typeof WebSocket != "function") throw new t("unsupported", "This browser cannot make calls: it lacks WebRTC, or has it switched off. A current Firefox, Chrome, Edge or Safari can.");
	e.capture && f();
}
function u(e) {
	return p(() => f().getUserMedia(e), e);
}
function d(e) {
	let n = f();
	return typeof n.getDisplayMedia == "function" ? p(() => n.getDisplayMedia(e), "screen") : Promise.reject(new t("unsupported", "This browser cannot share a screen."));
}
function f() {
	let e = typeof navigator > "u" ? void 0 : navigator.mediaDevices;
	if (e) return e;
	throw typeof isSecureContext < "u" && !isSecureContext ? new t("insecure", "Camera and microphone need a secure origin: open this page by https://, or on this computer by http://localhost.") : new t("unsupported", "This browser gives no access to camera and microphone.");
}
async function p(e, t) {
	try {
		return await e();
	} catch (e) {
		throw m(e, t);
	}
}
function m(e, n) {
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
function h(e) {
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
var g = "tertulia-js/0.1.0", _ = 524288, ee = 65536, te = class {
	#e;
	#t;
	#n = -Infinity;
	constructor(e, t) {
		this.#e = 1e3 / e, this.#t = t * this.#e;
	}
	take(e, t = 1) {
		return this.#n = Math.max(this.#n, e - this.#t) + t * this.#e, Math.max(0, this.#n - e);
	}
}, ne = {
	open: 6e3,
	enter: 8e3,
	ack: 200,
	dead: 8e3,
	silent: 12e3,
	doubt: 5500,
	backoffMin: 250,
	backoffMax: 5e3,
	reconnectFor: 12e4
}, re = 16, ie = 1e3, v = class extends t {
	constructor() {
		super("resume-failed", "The session was rebuilt before the server answered.");
	}
}, ae = class {
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
			...ne,
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
		this.#e === "token" && (this.#s ? this.#I(e, 0) : this.#z("refused", n instanceof t ? n : new t("unauthorized", `There is no token: ${b(n)}`, { cause: n })));
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
			if (this.#S) this.#z("left", y());
			else if (!this.#s) this.#z("refused", oe(n, r));
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
		}), a) : this.#f.size >= ie ? (this.#r.push({
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
		}), this.#S = !0, this.#m = e + 1e3) : this.#z("left", y()));
	}
	wake(e) {
		this.#e === "waiting" ? (this.#x = 0, this.#L(e)) : this.#e === "live" && (this.#y = Math.min(this.#y, Math.max(this.#v + this.#t.doubt, e + 500)), this.#_ !== void 0 && (this.#_ = Math.min(this.#_, e + 2e3)));
	}
	advance(e) {
		if (this.#m !== void 0 && e >= this.#m) {
			if (this.#m = void 0, this.#S) {
				this.#z("left", y());
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
			error: new v()
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
			else if (this.#c = r, this.#c - this.#l >= re ? this.#M() : this.#g ??= e + this.#t.ack, n.type === "ok" || n.type === "error") this.#O(e, n);
			else if (n.type === "ended") {
				let { reason: r, message: i } = n.data;
				if (r === "shutdown") {
					this.#r.push({ do: "drop" }), this.#F(e, 0);
					return;
				}
				this.#z(r, new t("closed", i || se(r)));
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
			if (this.#f.delete(r), this.#k(e, Math.max(r, 0)), i.type === "leave") this.#z("left", y());
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
		this.#r.push({ do: "drop" }), this.#S ? this.#z("left", y()) : this.#s ? this.#F(e, 0) : this.#z("refused", new t("unsupported", "The server speaks another protocol."));
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
function y() {
	return new t("closed", "The room was left.");
}
function oe(e, n) {
	return new t({
		4400: "bad-request",
		4401: "unauthorized",
		4429: "too-fast"
	}[e] ?? "unreachable", n || "The server cannot be reached.");
}
function se(e) {
	switch (e) {
		case "kicked": return "A moderator ended your presence in the room.";
		case "room-deleted": return "The room was deleted.";
		case "replaced": return "The session goes on elsewhere.";
		default: return "The session is over.";
	}
}
function b(e) {
	return e instanceof Error ? e.message : String(e);
}
// src/publication.ts
var ce = class {
	stream;
	id;
	done;
	#e;
	#t;
	#n = /* @__PURE__ */ new Map();
	#r = /* @__PURE__ */ new Map();
	#i = !1;
	#a = 0;
	#o = !1;
	#s;
	#c;
	constructor(e, t) {
		this.stream = e, this.#e = t, this.done = new Promise((e, t) => {
			this.#s = e, this.#c = t;
		}), this.done.catch(() => {});
	}
	midOf(e) {
		return this.#n.get(e)?.mid;
	}
	async publish(e, t) {
		if (this.#o) return;
		let n = ++this.#a, r = t ? this.id : void 0;
		this.#t = e, this.#i = !1, this.#n.clear(), this.#r.clear();
		for (let e of this.stream.openChannels) e.detach();
		try {
			for (let t of this.stream.tracks) {
				let n = this.stream.encodings(t, e.videoCodec);
				this.#n.set(t.id, e.addSender(t.mediaTrack, t.kind, n));
			}
			if (this.stream.hasData && e.needData(), await e.offered(), n !== this.#a) return;
			let t = this.stream.tracks.map((t) => this.#u(t, e.name)), i = this.stream.attributes, [{ stream: a }] = await Promise.all([this.#e.request("publish", {
				stream: r,
				tracks: t.length > 0 ? t : void 0,
				data: this.stream.hasData || void 0,
				attributes: Object.keys(i).length > 0 ? i : void 0
			}), e.answered()]);
			if (this.#o) {
				this.#e.request("unpublish", { stream: a }).catch(() => {});
				return;
			}
			if (n !== this.#a) return;
			this.id = a, this.#i = !0;
			for (let e of this.stream.openChannels) this.channel(e);
			for (let e of this.stream.tracks) this.muted(e).catch(() => {}), this.layersWanted(e.id);
			i !== this.stream.attributes && this.attributes().catch(() => {}), this.#s();
		} catch (t) {
			if (n === this.#a && r !== void 0 && t.code === "conflict") {
				this.#l(), this.publish(e, !1);
				return;
			}
			if (n !== this.#a || t instanceof v) return;
			this.#d(t);
		}
	}
	async unpublish() {
		let { id: e } = this;
		this.#d(new t("cancelled", "The stream was unpublished.")), e !== void 0 && await this.#e.request("unpublish", { stream: e });
	}
	close(e) {
		this.#d(e);
	}
	async muted(e) {
		this.#i && this.id !== void 0 && this.#r.get(e.id) !== e.muted && (this.#r.set(e.id, e.muted), await x(this.#e.request("mute", {
			stream: this.id,
			track: e.id,
			muted: e.muted
		})));
	}
	layersWanted(e) {
		if (!this.#i || this.id === void 0) return;
		let t = this.#e.wantedLayers(this.id, e);
		t && this.#n.get(e)?.want(t);
	}
	mutedByModerator(e) {
		this.#r.set(e, !0);
	}
	async replaced(e) {
		this.#t?.closed || await this.#n.get(e.id)?.transceiver.sender.replaceTrack(e.mediaTrack ?? null);
	}
	async attributes() {
		this.#i && this.id !== void 0 && await x(this.#e.request("attributes", {
			stream: this.id,
			attributes: this.stream.attributes
		}));
	}
	channel(e) {
		this.#i && this.#t && !this.#t.closed && e.attach(this.#t.openChannel(e.label, {
			...e.options,
			protocol: `stream:${this.id}`
		}));
	}
	stopped() {
		this.unpublish().catch(() => {});
	}
	#l() {
		for (let e of this.#n.values()) this.#t?.freeSender(e);
		this.#n.clear();
	}
	#u(e, n) {
		let { id: r, kind: i, source: a, muted: o } = e, s = this.#n.get(r)?.mid;
		if (typeof s != "string") throw new t("internal", "The browser gave a track no m-section.");
		return this.#r.set(r, o), {
			id: r,
			kind: i,
			source: a,
			muted: o || void 0,
			transport: n,
			mid: s
		};
	}
	#d(e) {
		if (!this.#o) {
			this.#o = !0, this.#a++, this.#i = !1, this.id = void 0, this.stream.publisher = void 0;
			for (let e of this.stream.openChannels) e.close();
			this.#l(), this.#c(e), this.#e.over(this, e);
		}
	}
};
async function x(e) {
	try {
		await e;
	} catch (e) {
		if (!(e instanceof v)) throw e;
	}
}
// src/attachment.ts
var le = class {
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
		let { clientWidth: a, clientHeight: o } = e, s = this.#a && e.isConnected && !i && (this.#n === void 0 || a > 0 && o > 0), c = ue({
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
function ue(e, t, n) {
	if (!(e.width > 0 && e.height > 0 && t.width > 0 && t.height > 0)) return e;
	let r = [e.width / t.width, e.height / t.height];
	if (n === "fill" || n === "none") return e;
	let i = n === "cover" ? Math.max(...r) : Math.min(...r);
	return {
		width: t.width * i,
		height: t.height * i
	};
}
function de(e) {
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
var fe = 100, pe = 2e3, me = 1e3, S = 16, he = {
	"at-once": 0,
	grow: fe,
	shrink: pe,
	pause: me
}, ge = class {
	#e;
	#t;
	#n = "none";
	#r;
	see(e, t) {
		this.#e = t;
		let n = this.#a();
		n !== this.#n && (this.#n = n, this.#r = n === "none" ? void 0 : e + he[n]);
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
			width: C(t),
			height: C(n),
			priority: r,
			paused: !1
		};
	}
	#a() {
		let e = this.#t, t = this.#i();
		return t.paused ? e?.paused ? "none" : "pause" : !e || e.paused || e.priority !== t.priority ? "at-once" : w(t.width, e.width) || w(t.height, e.height) ? "grow" : t.width === e.width && t.height === e.height ? "none" : "shrink";
	}
};
function C(e) {
	return Math.ceil(e / S) * S;
}
function w(e, t) {
	return (e || Infinity) > (t || Infinity);
}
function T(e, t) {
	if (!e && !t) return;
	let { width: n = 0, height: r = 0, frameRate: i = 0, maxBitrate: a = 0, priority: o = 10, paused: s = !1 } = {
		...E(e),
		...E(t)
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
function E(e = {}) {
	return Object.fromEntries(Object.entries(e).filter(([, e]) => e !== void 0));
}
// src/remote-stream.ts
var D = class extends e {
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
		super(), this.id = e.id, this.#e = t, this.#t = e, this.#n = (e.tracks ?? []).map((e) => O(e, void 0));
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
		let n = () => this.#d(), r = new le(e, t.priority, n);
		return this.#o.set(e, r), this.#s ??= new ge(), e.srcObject !== this.mediaStream && (e.srcObject = this.mediaStream), n(), {
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
		let n = this.#n.filter((t) => t.kind === e || t.id === e);
		for (let { id: e } of n) t ? this.#u.set(e, { ...t }) : this.#u.delete(e);
		await Promise.all(n.map(({ id: e }) => this.#p(e)));
	}
	onDemand() {
		this.#l = { paused: !0 };
	}
	preference(e) {
		let t = this.#n.find((t) => t.id === e);
		return t && T(t.kind === "video" ? this.#l : void 0, this.#u.get(e));
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
		return this.#n = (e.tracks ?? []).map((e) => O(e, n.find((t) => t.id === e.id))), t !== JSON.stringify([
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
		let t = [...this.#o.values()].map((e) => e.view()), n = de(t);
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
		if (this.#a) return;
		let t = this.preference(e) ?? T({}, {});
		t && await this.#e.prefer(this, e, t);
	}
};
function O(e, t) {
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
var _e = /* @__PURE__ */ new Set([
	"offer",
	"close",
	"publish",
	"unpublish",
	"subscribe",
	"unsubscribe",
	"mute",
	"attributes"
]), ve = class {
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
		this.#e = e, this.#t = new ae(e.opening, e.random, e.times), this.#t.metadata = e.metadata;
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
		let r = k(JSON.stringify(n));
		if (r > 524160) {
			let e = `That is ${r} bytes; a request can have ${_ - 128}.`;
			return Promise.reject(new t("bad-request", e));
		}
		let i = this.#t.request(Date.now(), e, n, !_e.has(e)), a = new Promise((e, t) => this.#a.set(i, {
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
				this.#t.closed(Date.now(), 1006, b(e)), this.#s();
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
function k(e) {
	return new TextEncoder().encode(e).length;
}
// src/stats.ts
var A = class {
	#e = /* @__PURE__ */ new Map();
	read(e) {
		let t = /* @__PURE__ */ new Map();
		for (let [n, r] of e) t.set(n, r);
		let n = [...t.values()], r = /* @__PURE__ */ new Map(), i = {
			in: j(),
			out: j()
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
				loss: M(m, p, s),
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
		let s = ye(n, t);
		return {
			tracks: o,
			rtt: s?.currentRoundTripTime ?? o.find((e) => e.rtt !== void 0)?.rtt,
			bitrateIn: i.in.bitrate,
			bitrateOut: i.out.bitrate,
			availableOut: s?.availableOutgoingBitrate,
			protocol: t.get(s?.localCandidateId ?? "")?.protocol,
			lossIn: M(i.in.lost, i.in.packets, "in"),
			lossOut: M(i.out.lost, i.out.packets, "out"),
			freezes: a
		};
	}
	#t(e, t, n) {
		return e.remoteId ? t.get(e.remoteId) : n.find((t) => t.type === "remote-inbound-rtp" && t.localId === e.id);
	}
};
function j() {
	return {
		bitrate: 0,
		packets: 0,
		lost: 0
	};
}
function M(e, t, n) {
	let r = n === "in" ? t + e : t;
	return r > 0 ? Math.min(1, e / r) : 0;
}
function ye(e, t) {
	let n = e.find((e) => e.type === "transport" && e.selectedCandidatePairId);
	return t.get(n?.selectedCandidatePairId ?? "") ?? e.find((e) => e.type === "candidate-pair" && e.selected) ?? e.find((e) => e.type === "candidate-pair" && e.nominated && e.state === "succeeded");
}
function be(e, t) {
	let { rtt: n, lossIn: r, lossOut: i, freezes: a } = e, o = Math.max(r, i), s = 4;
	return t ? o > .12 || (n ?? 0) > .8 ? s = 1 : o > .05 || (n ?? 0) > .4 || a > 0 ? s = 2 : (o > .015 || (n ?? 0) > .2) && (s = 3) : s = 0, {
		level: s,
		rtt: n,
		lossIn: r,
		lossOut: i
	};
}
// src/encodings.ts
var xe = [
	"q",
	"h",
	"f"
], N = 12e5, Se = 25e5;
function Ce(e, t, n) {
	let { simulcast: r = e.source === "camera", scalabilityMode: i } = t, a = t.maxVideoBitrate ?? De(e, t.simulcast === !0), o = (...e) => e.find((e) => e !== void 0 && Te(n, e)), s = (e) => [R({
		maxBitrate: a,
		scalabilityMode: e
	})];
	if (i !== void 0 && L(i) > 1 || !r) return s(o(i, "L1T3"));
	if (P(n) && t.simulcast === void 0 && i === void 0) return s(o("L3T3_KEY", "L1T3"));
	let c = Ee(e);
	return c === 1 ? s(o(i, "L1T3")) : xe.slice(-c).map((e, t) => {
		let n = 2 ** (c - 1 - t);
		return R({
			rid: e,
			scaleResolutionDownBy: n,
			maxBitrate: F(a, n),
			scalabilityMode: o(i, "L1T3")
		});
	});
}
function we(e) {
	return [R({ maxBitrate: e })];
}
function Te(e, t) {
	return e.modes ? e.modes.includes(t) : e.name !== "" && (L(t) === 1 || P(e));
}
function P({ name: e }) {
	return /^(VP9|AV1)$/i.test(e);
}
function Ee({ width: e, height: t }) {
	let n = Math.max(e ?? 0, t ?? 0);
	return n === 0 || n >= 960 ? 3 : n >= 480 ? 2 : 1;
}
function De({ source: e, width: t, height: n }, r) {
	if (e === "screen") return Se;
	if (e !== "camera" && !r) return;
	if (!t || !n) return N;
	let i = N * (t * n / 921600) ** .75;
	return Math.round(Math.min(25e5, Math.max(15e4, i)));
}
function F(e, t) {
	return e === void 0 ? void 0 : Math.round(e * t ** -1.5);
}
function Oe(e, t, n = 0) {
	let r = I(e, t);
	if (r.length === 0) return {
		...e,
		active: !0
	};
	let i = Math.max(-1, ...r.filter(({ wanted: e }) => e).map(({ spatial: e }) => e)), a = i >= 0, o = e.scalabilityMode, s = o === void 0 ? 1 : L(o), c = Math.max(n, r.length) - 1 - i, l = Math.max(1, s - c);
	if (!a || o === void 0 || l === s) return {
		...e,
		active: a
	};
	let u = 2 ** (s - l);
	return R({
		...e,
		active: a,
		scalabilityMode: ke(o, l),
		scaleResolutionDownBy: (e.scaleResolutionDownBy ?? 1) * u,
		maxBitrate: F(e.maxBitrate, u)
	});
}
function I({ rid: e = "" }, t) {
	return (t ?? []).filter((t) => (t.rid ?? "") === e);
}
function L(e) {
	return Number(/^[LS]([1-9])T[1-9]/.exec(e)?.[1] ?? 1);
}
function ke(e, t) {
	return e.replace(/^([LS])[1-9](T[1-9])(.*)$/, (e, n, r, i) => t === 1 ? `L1${r}` : `${n}${t}${r}${i}`);
}
function Ae(e, t) {
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
function R(e) {
	return Object.fromEntries(Object.entries(e).filter(([, e]) => e !== void 0));
}
// src/sending.ts
var z = class {
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
		return B(this.#e);
	}
	want(e) {
		this.#t = e, this.#e.forEach((t, n) => {
			this.#n[n] = Math.max(this.#n[n] ?? 0, I(t, e).length);
		}), this.apply();
	}
	async apply() {
		if (this.#i = !0, !this.#r) {
			for (this.#r = !0; this.#i;) {
				this.#i = !1;
				let e = this.#e.map((e, t) => Oe(e, this.#t, this.#n[t]));
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
		Ae(n.encodings, r) && await t.setParameters(n);
	}
};
function B(e) {
	return e.map(({ rid: e = "" }) => e).join();
}
// src/transport.ts
var V = 4, je = 2e3, Me = 8e3, Ne = 2, Pe = class {
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
	#o;
	#s = !1;
	#c = !1;
	#l = !1;
	#u = W();
	#d = W();
	#f;
	#p = Promise.resolve();
	#m = 0;
	#h;
	#g = 0;
	#_ = !1;
	constructor(e, t, n, r = {
		audio: V,
		video: V
	}) {
		this.name = e, this.#e = n, this.pc = new RTCPeerConnection({
			bundlePolicy: "max-bundle",
			rtcpMuxPolicy: "require",
			...t
		}), this.pc.ondatachannel = (e) => n.channel(e.channel), this.pc.oniceconnectionstatechange = () => this.#S(), this.pc.onconnectionstatechange = () => {
			this.pc.connectionState === "failed" && this.pc.iceConnectionState !== "failed" ? this.#w() : n.changed();
		}, this.addSlots(r.audio, r.video);
	}
	get connected() {
		return this.pc.iceConnectionState === "connected" || this.pc.iceConnectionState === "completed";
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
		this.#s = !0, !this.#c && !this.#n && this.#b();
	}
	offered() {
		return this.#s || !this.#f ? this.#u.promise : this.#f;
	}
	answered() {
		return this.#s ? this.#d.promise : this.#p;
	}
	addSlots(e, t) {
		let n = {
			audio: e,
			video: t
		};
		for (let e of ["audio", "video"]) {
			let t = Math.min(60, Math.ceil(n[e] / V) * V);
			for (; this.#r[e] < t; this.#r[e]++) {
				let t = this.pc.addTransceiver(e, { direction: "recvonly" });
				Re(t, e), e === "video" && H(t), this.#s = !0;
			}
		}
		this.#s && this.#m > 0 && this.negotiate();
	}
	slotTrack(e) {
		return this.#y(e)?.receiver.track;
	}
	get videoCodec() {
		return Ie(RTCRtpSender.getCapabilities?.("video")?.codecs ?? [], this.#t);
	}
	addSender(e, t, n) {
		let r = this.#a.findIndex(({ transceiver: e, shape: r }) => e.receiver.track.kind === t && r === B(n)), [i] = r >= 0 ? this.#a.splice(r, 1) : [];
		if (i) {
			let t = new z(i.transceiver, n);
			return t.transceiver.sender.replaceTrack(e ?? null).catch(G), t.apply(), t;
		}
		let a = this.#v(e ?? t, n);
		return Le(a, t, this.#t), t === "video" && H(a), this.negotiate(), new z(a, n);
	}
	#v(e, t) {
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
		this.#n || this.#a.some(({ transceiver: t }) => t === e.transceiver) || (e.transceiver.sender.replaceTrack(null).catch(G), this.#a.push(e));
	}
	needData() {
		this.#o || this.#n || (this.#o = this.pc.createDataChannel("tertulia", {
			negotiated: !0,
			id: 0
		}), this.negotiate());
	}
	openChannel(e, t) {
		return this.needData(), this.pc.createDataChannel(e, t);
	}
	told(e) {
		e === "interrupted" ? this.#C() : e === "closed" && this.#w();
	}
	signallingBack() {
		let e = this.pc.iceConnectionState;
		(this.#_ || e === "disconnected" || e === "failed") && this.#C();
	}
	close() {
		if (this.#n) return;
		this.#n = !0, clearTimeout(this.#h), this.pc.close();
		let e = new v();
		this.#u.reject(e), this.#d.reject(e);
	}
	#y(e) {
		let t = this.#i.get(e);
		return t || (t = this.pc.getTransceivers().find((t) => t.mid === e), t && this.#i.set(e, t)), t;
	}
	async #b() {
		this.#c = !0;
		let e = 0;
		try {
			for (await Be(); this.#s && !this.#n;) {
				this.#s = !1;
				let t = this.#u, n = this.#d;
				this.#u = W(), this.#d = W(), this.#f = t.promise, this.#p = n.promise;
				try {
					await this.#x(t), n.resolve(), e = 0;
				} catch (r) {
					if (this.#n) {
						t.reject(new v()), n.reject(new v());
						return;
					}
					await this.pc.setLocalDescription({ type: "rollback" }).catch(() => {});
					let i = r.code;
					if (i === "unavailable" && e < 6) {
						e++, this.#u.promise.then(t.resolve, t.reject), this.#d.promise.then(n.resolve, n.reject), this.#s = !0, await new Promise((t) => setTimeout(t, Math.min(4e3, 250 * 2 ** e)));
						continue;
					}
					G(r), this.#m > 0 && (this.#f = Promise.resolve()), t.reject(r), n.reject(r), (i === "not-found" || i === "conflict") && this.#w();
				}
			}
		} finally {
			this.#c = !1;
		}
	}
	async #x(e) {
		let t = this.#l;
		this.#l = !1;
		let n = await this.pc.createOffer({ iceRestart: t });
		await this.pc.setLocalDescription(n);
		let r = this.#e.request("offer", {
			transport: this.name,
			sdp: n.sdp ?? ""
		});
		this.#m++, e.resolve();
		let { sdp: i } = await r;
		await this.pc.setRemoteDescription({
			type: "answer",
			sdp: i
		});
	}
	#S() {
		if (!this.#n) {
			switch (this.pc.iceConnectionState) {
				case "connected":
				case "completed":
					clearTimeout(this.#h), this.#h = void 0, this.#g = 0, this.#_ = !1;
					break;
				case "disconnected":
					this.#h ??= setTimeout(() => {
						this.#h = void 0, this.#C();
					}, je);
					break;
				case "failed": this.#C();
			}
			this.#e.changed();
		}
	}
	#C() {
		this.#n || (clearTimeout(this.#h), this.#h = void 0, this.#e.live() ? (this.#_ = !1, this.#g >= Ne ? this.#w() : (this.#g++, this.#l = !0, this.negotiate(), this.#h = setTimeout(() => {
			this.#h = void 0, this.connected ? this.#g = 0 : this.#C();
		}, Me))) : this.#_ = !0);
	}
	#w() {
		this.#n || (this.close(), this.#e.lost());
	}
}, Fe = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
function H(e) {
	try {
		let t = e.getHeaderExtensionsToNegotiate?.(), n = t?.find(({ uri: e }) => e === Fe);
		if (!t || n?.direction !== "stopped") return;
		n.direction = "sendrecv", e.setHeaderExtensionsToNegotiate?.(t);
	} catch (e) {
		G(e);
	}
}
function Ie(e, t) {
	let n = e.filter(({ mimeType: e }) => !/\/(rtx|red|ulpfec|flexfec-03)$/i.test(e)), [r] = U(n, t);
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
function Le(e, t, n) {
	if (n.length === 0 || typeof e.setCodecPreferences != "function") return;
	let r = RTCRtpReceiver.getCapabilities?.(t);
	if (r) try {
		e.setCodecPreferences(U(r.codecs, n));
	} catch (e) {
		G(e);
	}
}
function Re(e, t) {
	if (typeof e.setCodecPreferences != "function") return;
	let n = RTCRtpReceiver.getCapabilities?.(t);
	if (!n) return;
	let r = ze(n.codecs);
	if (!r.every((e) => /\/rtx$/i.test(e.mimeType))) try {
		e.setCodecPreferences(r);
	} catch (e) {
		G(e);
	}
}
function ze(e) {
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
function U(e, t) {
	let n = (e) => {
		let n = e.mimeType.slice(e.mimeType.indexOf("/") + 1).toLowerCase(), r = t.findIndex((e) => e.toLowerCase() === n);
		return r >= 0 ? r : t.length;
	};
	return [...e].sort((e, t) => n(e) - n(t));
}
function Be() {
	return new Promise((e) => {
		let { port1: t, port2: n } = new MessageChannel();
		t.onmessage = () => {
			t.close(), e();
		}, n.postMessage(null);
	});
}
function W() {
	let e, t, n = new Promise((n, r) => {
		e = n, t = r;
	});
	return n.catch(() => {}), {
		promise: n,
		resolve: e,
		reject: t
	};
}
function G(e) {
	console.warn("tertulia:", e);
}
// src/room.ts
var Ve = 2e3, He = 6e3, Ue = 4096, K = class extends e {
	#e;
	#t;
	#n;
	#r = 1;
	#i;
	#a = "connected";
	#o;
	#s;
	#c = /* @__PURE__ */ new Map();
	#l = /* @__PURE__ */ new Map();
	#u = /* @__PURE__ */ new Map();
	#d = [];
	#f = /* @__PURE__ */ new Set();
	#p = /* @__PURE__ */ new Map();
	#m = /* @__PURE__ */ new Map();
	#h = /* @__PURE__ */ new WeakSet();
	#g = new te(30, 150);
	#_ = /* @__PURE__ */ new Set();
	#v = /* @__PURE__ */ new Set();
	#y;
	#b = new A();
	#x = new A();
	#S;
	#C = {
		level: 4,
		rtt: void 0,
		lossIn: 0,
		lossOut: 0
	};
	#w;
	#T;
	#E = () => this.#e.leaveNow();
	constructor(e, t) {
		super(), this.#e = e, this.#t = t, this.#n = this.#G();
	}
	get id() {
		return this.#o.id;
	}
	get name() {
		return this.#o.name;
	}
	get metadata() {
		return this.#o.metadata ?? {};
	}
	get codecs() {
		return this.#o.codecs ?? [];
	}
	get state() {
		return this.#a;
	}
	get me() {
		return this.#s;
	}
	get participants() {
		return this.#c;
	}
	get streams() {
		return this.#l;
	}
	get localStreams() {
		return [...this.#u.keys()];
	}
	get permissions() {
		return this.#s.permissions;
	}
	get quality() {
		return this.#C;
	}
	get speakers() {
		return this.#d;
	}
	can(e) {
		return this.#s.permissions.includes(e);
	}
	streamsOf(e) {
		let t = q(e);
		return [...this.#l.values()].filter((e) => e.publisherId === t);
	}
	async publish(e) {
		if (this.#Z(), e.ended) throw new t("closed", "The stream is over.");
		if (e.published) throw new t("conflict", "The stream is published already.");
		let n = new ce(e, {
			request: (e, t) => this.#e.request(e, t),
			wantedLayers: (e, t) => this.#m.get(e)?.get(t),
			over: () => {
				this.#u.delete(e), this.emit("local-streams");
			}
		});
		e.publisher = n, this.#u.set(e, n), n.publish(this.#n, !1), await n.done, this.emit("local-streams");
	}
	async unpublish(e) {
		await this.#u.get(e)?.unpublish();
	}
	async subscribe(e, n = {}) {
		if (this.#Z(), this.#l.get(e.id) !== e) throw new t("closed", "The stream is over.");
		let r = X(e, n), i = e.wanted;
		e.setWanted(r);
		try {
			await this.#z(e);
		} catch (t) {
			throw e.wanted === r && this.#l.get(e.id) === e && e.setWanted(i), t;
		}
	}
	async unsubscribe(e) {
		e.wanted && (e.setWanted(void 0), this.#h.delete(e), await this.#H(this.#e.request("unsubscribe", { stream: e.id })));
	}
	async send(e, n = {}) {
		let r = k(JSON.stringify(e));
		if (r > 65536) throw new t("bad-request", `That is ${r} bytes; a message can have ${ee}.`);
		let i = Ge();
		return await this.#e.request("message", {
			id: i,
			to: n.to?.map(q),
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
			participant: q(e),
			reason: t
		});
	}
	async setMetadata(e) {
		await this.#e.request("metadata", {
			of: "me",
			metadata: e
		}), this.#s = {
			...this.#s,
			metadata: e
		}, this.#e.metadata = e;
	}
	async setRoomMetadata(e) {
		await this.#e.request("metadata", {
			of: "room",
			metadata: e
		}), this.#o = {
			...this.#o,
			metadata: e
		};
	}
	async getStats(e = {}) {
		this.#Z();
		let [t, n] = await Promise.all([this.#n.pc.getStats(), e.server ? this.#e.request("stats", {}) : void 0]), { tracks: r, rtt: i, bitrateIn: a, bitrateOut: o, availableOut: s, protocol: c } = this.#x.read(t), l = We(n?.transports), u = (e, t, n, i) => r.filter((t) => t.direction === e).filter((e) => e.mid !== void 0 && i !== void 0 ? e.mid === i : e.mediaTrack === n).map((e) => {
			let { direction: n, mid: r, mediaTrack: i, ...a } = e;
			return {
				...a,
				track: t
			};
		});
		return {
			time: Date.now(),
			quality: this.#C,
			rtt: i,
			bitrateIn: a,
			bitrateOut: o,
			availableOut: s,
			protocol: c,
			local: [...this.#u.values()].map((e) => ({
				stream: e.stream,
				tracks: e.stream.tracks.flatMap((t) => u("out", t.id, t.mediaTrack?.id, e.midOf(t.id)))
			})),
			remote: [...this.#l.values()].map((e) => ({
				stream: e,
				tracks: e.tracks.flatMap((t) => t.mediaTrack ? u("in", t.id, t.mediaTrack.id, this.#W(e.id, t.id)).map((n) => ({
					...n,
					layer: l.get(`${e.id} ${t.id}`)
				})) : [])
			})),
			raw: t,
			server: n?.transports
		};
	}
	leave() {
		return this.#a === "closed" ? Promise.resolve() : (this.#w ??= new Promise((e) => {
			this.#T = e, this.#e.leave();
		}), this.#w);
	}
	entered(e, t) {
		if (e === "joined") {
			this.#o = t.room, this.#s = J(t.participant);
			for (let e of t.participants ?? []) this.#c.set(e.id, J(e));
			for (let e of t.streams ?? []) e.participant !== this.#s.id && this.#l.set(e.id, this.#A(e));
			this.#i = t.iceServers, this.#K();
			for (let e of this.#t.publish ?? []) this.publish(e).catch((e) => console.warn("tertulia:", e));
			for (let e of this.#l.values()) this.#L(e);
			typeof window < "u" && window.addEventListener("pagehide", this.#E), this.#S = setInterval(() => void this.#X(), Ve);
		} else this.#i = t.iceServers, this.#n.close(), this.#P(t), this.#J(e === "resynced");
	}
	stateChanged(e) {
		this.#a !== "closed" && this.#a !== e && (this.#a = e, this.emit("state", e), e === "connected" && this.#n.signallingBack());
	}
	sessionEnded(e, t) {
		if (this.#a !== "closed") {
			this.#a = "closed", clearInterval(this.#S), clearTimeout(this.#y), typeof window < "u" && window.removeEventListener("pagehide", this.#E);
			for (let e of [...this.#u.values()]) e.close(t);
			this.#n.close();
			for (let e of [...this.#l.values()]) this.#N(e);
			this.emit("state", "closed"), this.#T ? this.#T() : this.emit("ended", e, t.message);
		}
	}
	abandon() {
		this.#n.close();
	}
	handle(e, t) {
		let n = this.#D[e];
		n?.(t);
	}
	#D = {
		"participant-joined": (e) => this.#O(e),
		"participant-updated": (e) => this.#O(e),
		"participant-left": ({ participant: e, reason: t }) => this.#k(e, t),
		"stream-published": (e) => this.#j(e),
		"stream-updated": ({ stream: e, by: t }) => this.#M(e, t),
		"stream-unpublished": ({ stream: e }) => {
			let t = this.#l.get(e);
			t && this.#N(t);
		},
		slots: ({ transport: e, slots: t }) => {
			if (e === this.#n.name) for (let { mid: e, stream: n, track: r } of t) this.#U(e, n, r);
		},
		"slots-wanted": ({ transport: e, audio: t, video: n }) => {
			e === this.#n.name && this.#n.addSlots(t, n);
		},
		subscription: ({ stream: e, track: t, state: n, codec: r, reason: i, cause: a }) => {
			let o = {
				state: n,
				reason: i || void 0,
				cause: a || void 0
			}, s = this.#l.get(e);
			s?.wanted && s.setTrack(t, r ? {
				...o,
				codec: r
			} : o);
		},
		"layers-wanted": ({ stream: e, track: t, layers: n }) => {
			let r = this.#m.get(e);
			r || this.#m.set(e, r = /* @__PURE__ */ new Map()), r.set(t, n ?? []), this.#I(e)?.layersWanted(t);
		},
		message: ({ id: e, to: t, stream: n, from: r, time: i, data: a }) => {
			let o = `${r} ${e}`;
			if (this.#f.has(o)) return;
			if (this.#f.add(o), this.#f.size > Ue) for (let e of this.#f) {
				this.#f.delete(e);
				break;
			}
			let s = this.#F(r);
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
			this.#d = (e ?? []).flatMap(({ stream: e, track: t, level: n }) => {
				let r = this.#l.get(e) ?? this.#I(e)?.stream;
				return r ? [{
					stream: r,
					participant: r instanceof D ? r.participant : this.#s,
					track: t,
					level: n
				}] : [];
			}), this.emit("speakers", this.#d);
		},
		"room-updated": (e) => {
			this.#o = e, this.emit("room-updated");
		},
		transport: ({ transport: e, state: t }) => {
			e === this.#n.name && this.#n.told(t);
		}
	};
	#O(e) {
		let t = J(e);
		if (e.id === this.#s.id) {
			this.#s = {
				...t,
				permissions: this.#s.permissions
			}, this.emit("participant-updated", t);
			return;
		}
		let n = this.#c.get(e.id);
		this.#v.delete(e.id), this.#c.set(e.id, t), n ? JSON.stringify(n) !== JSON.stringify(t) && this.emit("participant-updated", t) : this.emit("participant-joined", t);
	}
	#k(e, t) {
		for (let t of this.streamsOf(e)) this.#N(t);
		let n = this.#c.get(e);
		this.#v.delete(e), n && (this.#c.delete(e), this.emit("participant-left", n, t));
	}
	#A(e) {
		let t = this.#c.get(e.participant), n = new D(e, {
			participant: () => (t = this.#c.get(e.participant) ?? t, t ?? {
				id: e.participant,
				user: "",
				role: "",
				permissions: [],
				metadata: {}
			}),
			prefer: (e, t, n) => this.#B(e, t, n)
		});
		return this.#t.videoOnDemand && n.onDemand(), n;
	}
	#j(e) {
		if (e.participant === this.#s.id) return;
		let t = this.#l.get(e.id);
		if (t && t.publisherId === e.participant && Y(t, e)) {
			this.#_.delete(e.id), this.#M(e, void 0), t.wanted && this.#R(t);
			return;
		}
		t && this.#N(t);
		let n = this.#A(e);
		this.#l.set(e.id, n), this.emit("stream-published", n), this.#L(n);
	}
	#M(e, t) {
		if (e.participant === this.#s.id) {
			let n = this.#I(e.id);
			if (!n || !t || t === this.#s.id) return;
			for (let r of e.tracks ?? []) r.muted && !n.stream.muted(r.id) && (n.mutedByModerator(r.id), n.stream.mutedBy(r.id, this.#F(t)));
			return;
		}
		let n = this.#l.get(e.id);
		if (!n?.update(e)) return;
		let r = t && t !== e.participant ? this.#F(t) : void 0;
		n.emit("updated", r), this.emit("stream-updated", n, r);
	}
	#N(e) {
		this.#l.get(e.id) === e && (this.#l.delete(e.id), this.#_.delete(e.id), e.end(), this.emit("stream-unpublished", e));
	}
	#P(e) {
		let t = this.#s;
		this.#s = J(e.participant), JSON.stringify(t) !== JSON.stringify(this.#s) && this.emit("participant-updated", this.#s);
		let n = this.#o;
		this.#o = e.room, JSON.stringify(n) !== JSON.stringify(this.#o) && this.emit("room-updated"), this.#p.clear();
		let r = new Set((e.participants ?? []).map(({ id: e }) => e)), i = new Set((e.streams ?? []).map(({ id: e }) => e));
		this.#v = new Set([...this.#c.keys()].filter((e) => !r.has(e))), this.#_ = new Set([...this.#l.keys()].filter((e) => !i.has(e)));
		for (let t of e.participants ?? []) this.#O(t);
		for (let t of e.streams ?? []) {
			let e = this.#l.get(t.id);
			e && e.publisherId === t.participant && Y(e, t) ? this.#M(t, void 0) : this.#j(t);
		}
		clearTimeout(this.#y), this.#y = setTimeout(() => {
			for (let e of [...this.#_]) {
				let t = this.#l.get(e);
				t && this.#N(t);
			}
			for (let e of [...this.#v]) this.#k(e, "timeout");
		}, He);
	}
	#F(e) {
		return e === this.#s.id ? this.#s : this.#c.get(e);
	}
	#I(e) {
		return [...this.#u.values()].find((t) => t.id === e);
	}
	#L(e) {
		let { autoSubscribe: t = !0 } = this.#t;
		if (e.wanted || !this.can("subscribe")) return;
		let n = typeof t == "function" ? t(e) : t;
		n && (e.setWanted(X(e, n === !0 ? {} : n)), this.#R(e));
	}
	#R(e) {
		this.#z(e).catch((t) => {
			t.code === "too-fast" || t.code === "unavailable" ? setTimeout(() => this.#R(e), 1e3 + Math.random() * 2e3) : t.code !== "not-found" && t.code !== "closed" && console.warn("tertulia:", t);
		});
	}
	async #z(e) {
		let t = this.#n, { wanted: n } = e;
		if (!n || this.#a === "closed") return;
		n.data && t.needData();
		try {
			await t.offered();
		} catch (e) {
			if (e instanceof v) return;
			throw e;
		}
		let r = () => e.wanted === n && t === this.#n && this.#l.get(e.id) === e;
		if (!r()) return;
		let i = this.#g.take(Date.now(), 1 + e.tracks.filter(({ id: t }) => e.preference(t)).length);
		if (i > 0 && await Z(i), !r()) return;
		let a = {
			stream: e.id,
			transport: t.name
		};
		n.tracks && (a.tracks = n.tracks), n.data && (a.data = !0);
		let o = this.#e.request("subscribe", a);
		this.#h.add(e);
		for (let { id: t } of e.tracks) {
			let n = e.preference(t);
			n && this.#V(e, t, n).catch(() => {});
		}
		await this.#H(o);
	}
	async #B(e, t, n) {
		if (!e.wanted || !this.#h.has(e)) return;
		let r = this.#g.take(Date.now());
		r > 0 && await Z(r), await this.#V(e, t, r > 0 ? e.preference(t) ?? n : n);
	}
	async #V(e, t, n) {
		let { wanted: r } = e, i = r && (r.tracks === void 0 || r.tracks.includes(t));
		if (this.#a !== "closed" && i && this.#h.has(e)) try {
			await this.#H(this.#e.request("prefer", {
				stream: e.id,
				track: t,
				...n
			}));
		} catch (r) {
			let { code: i } = r;
			if (i === "too-fast" || i === "unavailable") {
				setTimeout(() => {
					let r = e.preference(t) ?? n;
					this.#B(e, t, r).catch(() => {});
				}, 1e3 + Math.random() * 2e3);
				return;
			}
			if (i !== "not-found" && i !== "closed") throw r;
		}
	}
	async #H(e) {
		try {
			await e;
		} catch (e) {
			if (!(e instanceof v)) throw e;
		}
	}
	#U(e, t, n) {
		let r = this.#n.slotTrack(e), i = this.#p.get(e);
		if (i && (i.stream !== t || i.track !== n)) {
			let t = this.#l.get(i.stream);
			t?.tracks.find((e) => e.id === i.track)?.mediaTrack === r && t?.setTrack(i.track, { mediaTrack: void 0 }), this.#p.delete(e);
		}
		t && n && (this.#p.set(e, {
			stream: t,
			track: n
		}), this.#l.get(t)?.setTrack(n, { mediaTrack: r }));
	}
	#W(e, t) {
		for (let [n, r] of this.#p) if (r.stream === e && r.track === t) return n;
	}
	#G(e) {
		let { iceServers: t, iceTransportPolicy: n } = this.#t, r = this.#r === 1 ? "main" : `main-${this.#r}`;
		return new Pe(r, {
			iceServers: t ?? this.#i ?? [],
			iceTransportPolicy: n
		}, {
			request: (e, t) => this.#e.request(e, t),
			live: () => this.#e.live,
			channel: (e) => this.#Y(e),
			changed: () => {
				this.#n?.pc.iceConnectionState === "disconnected" && this.#e.wake();
			},
			lost: () => this.#q(r)
		}, e);
	}
	#K() {
		this.#n.start(this.codecs, this.#t.iceServers ? void 0 : this.#i);
	}
	#q(e) {
		if (this.#a === "closed" || e !== this.#n.name) return;
		this.#p.clear(), this.#J(!0);
		let t = () => {
			this.#e.request("close", { transport: e }).catch(() => {});
		};
		this.#n.answered().then(t, t);
	}
	#J(e) {
		this.#r++, this.#n = this.#G(this.#n.slots), this.#K(), this.#m.clear();
		for (let t of this.#u.values()) t.publish(this.#n, e);
		for (let e of this.#l.values()) e.unbound(), this.#h.delete(e), e.wanted && !this.#_.has(e.id) && this.#R(e);
	}
	#Y(e) {
		let t = Number(/^stream:(\d+)$/.exec(e.protocol)?.[1]), n = this.#l.get(t);
		if (!n?.wanted?.data) {
			e.close();
			return;
		}
		let { ordered: r, maxRetransmits: a, maxPacketLifeTime: o } = e, s = {
			ordered: r,
			maxRetransmits: a ?? void 0,
			maxPacketLifeTime: o ?? void 0
		}, c = new i(e.label, s, !1);
		n.addChannel(c), c.attach(e);
	}
	async #X() {
		let { pc: e, connected: t } = this.#n;
		if (this.#a === "closed") return;
		let n = await e.getStats().catch(() => void 0);
		if (!n || e !== this.#n.pc) return;
		let r = this.#b.read(n), i = this.#C;
		this.#C = be(r, t), i.level !== this.#C.level && this.emit("quality", this.#C);
	}
	#Z() {
		if (this.#a === "closed") throw new t("closed", "The room was left.");
	}
};
function We(e) {
	let t = /* @__PURE__ */ new Map();
	for (let n of e ?? []) for (let { stream: e, track: r, layer: i } of n.router?.subscribed ?? []) i && t.set(`${e} ${r}`, i);
	return t;
}
function q(e) {
	return typeof e == "string" ? e : e.id;
}
function J(e) {
	let { id: t, user: n, role: r, permissions: i = [], metadata: a = {} } = e;
	return {
		id: t,
		user: n,
		role: r,
		permissions: i,
		metadata: a
	};
}
function Y(e, t) {
	return (t.tracks ?? []).map(({ id: e, kind: t }) => `${t} ${e}`).join() === e.tracks.map(({ id: e, kind: t }) => `${t} ${e}`).join();
}
function X(e, t) {
	let { audio: n = !0, video: r = !0, data: i = e.hasData, tracks: a } = t, o = e.tracks.filter((e) => a ? a.includes(e.id) : e.kind === "audio" ? n : r).map((e) => e.id);
	return {
		tracks: o.length === e.tracks.length ? void 0 : o,
		data: i
	};
}
function Z(e) {
	return new Promise((t) => setTimeout(t, e));
}
function Ge() {
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
async function Q(e, n, r = {}) {
	l(), r.signal?.throwIfAborted();
	let { client: i, metadata: a, timeout: o = 15e3, reconnectFor: s } = r, c = !1, u, d = new Promise((e, t) => {
		u = {
			resolve: e,
			reject: t
		};
	}), f = new ve({
		url: Ke(e),
		token: () => typeof n == "string" ? n : n(),
		opening: {
			protocol: 1,
			client: (i ? `${i} ${g}` : g).slice(0, 128)
		},
		metadata: a,
		times: s === void 0 ? {} : { reconnectFor: s },
		entered: (e, t) => {
			c = !0, p.entered(e, t), u.resolve(p);
		},
		event: (e, t) => p.handle(e, t),
		state: (e) => p.stateChanged(e),
		ended: (e, t) => {
			c ? p.sessionEnded(e, t) : (p.abandon(), u.reject(t));
		}
	}), p = new K(f, { ...r }), m = (e) => {
		c || (u.reject(e), f.leave());
	}, h = () => m(r.signal?.reason);
	r.signal?.addEventListener("abort", h);
	let _ = setTimeout(() => m(new t("timeout", "The server did not let us in in time.")), o);
	try {
		return f.start(), await d;
	} finally {
		clearTimeout(_), r.signal?.removeEventListener("abort", h);
	}
}
function Ke(e) {
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
var qe = {
	echoCancellation: !0,
	noiseSuppression: !0,
	autoGainControl: !0
}, Je = {
	width: { ideal: 1280 },
	height: { ideal: 720 },
	frameRate: {
		ideal: 30,
		max: 30
	}
}, Ye = class n extends e {
	static async camera(e = {}) {
		let t = $(e.audio ?? !0, qe, e.audioDeviceId), r = $(e.video ?? !0, Je, e.videoDeviceId), i = await u({
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
		let t = e.video ?? !0, r = await d({
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
		if (e.kind === "audio") return we(this.#e.maxAudioBitrate);
		let { width: n, height: r } = e.mediaTrack?.getSettings() ?? {};
		return Ce({
			source: e.source,
			width: n,
			height: r
		}, this.#e, t);
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
		let [r] = (await u({ [e.kind]: n })).getTracks();
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
			this.#i || e.mediaTrack !== t || (e.constraints ? this.#d(e) : this.#t.every((e) => e.mediaTrack?.readyState !== "live" || Xe(e)) && this.stop());
		});
	}
	#d(e) {
		this.emit("device-lost", e);
	}
};
function Xe(e) {
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
export { i as Channel, e as Emitter, Ye as LocalStream, D as RemoteStream, K as Room, t as TertuliaError, l as checkSupport, Q as connect, s as devices, c as onDeviceChange };
