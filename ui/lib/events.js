// What happens on the server, as it happens. A browser allows few connections to one server, so of all tabs only one (whoever holds the lock) listens,
// and tells the others.
import {get, path, url} from "./api.js";

const listeners = new Map();          // event name -> set of functions
const channel = "BroadcastChannel" in window ? new BroadcastChannel("backstay-events") : null;
let source = null;
let release = null;
let online = true;

function tell(name, data) {
	for (const fn of listeners.get(name) || [])
		fn(data);
	for (const fn of listeners.get("*") || [])
		fn(data, name);
}

function spread(name, data) {
	tell(name, data);
	channel?.postMessage({name, data});
}

function setOnline(now) {
	if (now !== online) {
		online = now;
		spread(now ? "online" : "offline", null);
	}
}

// "all": too much was missed, everything is to be looked at again.
const NAMES = ["job", "backup", "source", "schedule", "repository", "notice", "setting", "user", "session", "all"];

function listen() {
	source = new EventSource(url("/events/"));
	source.addEventListener("open", () => setOnline(true));
	// A stream that was refused, because the session has ended, is not tried again by itself.
	source.addEventListener("error", e => e.target.readyState === EventSource.CLOSED ? spread("refused", null) : setOnline(false));
	for (const name of NAMES)
		source.addEventListener(name, e => spread(name, e.data ? JSON.parse(e.data) : null));
}

export function start() {
	stop();
	channel?.addEventListener("message", fromOther);
	if (!navigator.locks) {
		listen();
		return;
	}
	navigator.locks.request("backstay-events", () => new Promise(resolve => {
		release = resolve;
		listen();
	}));
}

function fromOther(e) {
	if (e.data.name === "online" || e.data.name === "offline")
		online = e.data.name === "online";
	tell(e.data.name, e.data.data);
}

export function stop() {
	source?.close();
	source = null;
	release?.();
	release = null;
	channel?.removeEventListener("message", fromOther);
}

// Returns what ends it.
export function on(name, fn) {
	if (!listeners.has(name))
		listeners.set(name, new Set());
	listeners.get(name).add(fn);
	return () => listeners.get(name).delete(fn);
}

// One job's own stream: progress twice a second, log lines after number `after`, its end. Of all tabs that watch it one listens, as above; whoever
// comes later reads the lines that were before. When the session ends meanwhile (a restore over live data ends all of them), asking for the job
// makes the person log in again, and a new stream brings what was missed. Returns what ends it.
export function watchJob(id, {after = 0, progress, line, end}) {
	const shared = "BroadcastChannel" in window && navigator.locks ? new BroadcastChannel(`backstay-job-${id}`) : null;
	const waiting = new AbortController();
	let stream = null;
	let free = null;                    // gives the lock to the next tab
	let left = false;
	let last = after;
	let early = shared ? [] : null;     // what came before the lines that were before

	const leave = () => {
		left = true;
		waiting.abort();
		stream?.close();
		free?.();
		shared?.close();
	};
	const take = ({name, data}) => {
		if (left || name === "line" && data.n <= last)
			return;
		if (early) {
			early.push({name, data});
		} else if (name === "line") {
			last = data.n;
			line?.(data);
		} else if (name === "job") {
			progress?.(data);
		} else {
			leave();
			end?.(data);
		}
	};
	const spread = (name, data) => {
		shared?.postMessage({name, data});
		take({name, data});
	};
	const listenToJob = () => {
		stream = new EventSource(url(`/jobs/${encodeURIComponent(id)}/events/`));
		for (const name of ["job", "line", "end"])
			stream.addEventListener(name, e => spread(name, JSON.parse(e.data)));
		stream.addEventListener("error", async () => {
			if (left || stream.readyState !== EventSource.CLOSED)
				return;
			const gone = await get(path("jobs", id)).then(() => false, error => error.status === 404);
			await new Promise(resolve => setTimeout(resolve, 500));     // of a server that refuses streams not too much is asked
			if (!left && !gone)
				listenToJob();
		});
	};
	if (!shared) {
		listenToJob();
		return leave;
	}
	shared.addEventListener("message", e => take(e.data));
	navigator.locks.request(`backstay-job-${id}`, {signal: waiting.signal}, () => left ? null : new Promise(resolve => {
		free = resolve;
		listenToJob();
	})).catch(() => null);
	get(`/jobs/${encodeURIComponent(id)}/log/?after=${last}`).catch(() => ({items: []})).then(({items}) => {
		const all = [...items.map(data => ({name: "line", data})), ...early];
		early = null;
		all.forEach(take);
	});
	return leave;
}
