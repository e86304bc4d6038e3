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

// One job's own stream: progress twice a second, log lines, its end. When the session ends meanwhile (a restore over live data ends all of
// them), asking for the job makes the person log in again. Returns what ends it.
export function watchJob(id, {progress, line, end}) {
	const read = e => JSON.parse(e.data);
	let stream = null;
	let left = false;
	const listenToJob = () => {
		stream = new EventSource(url(`/jobs/${encodeURIComponent(id)}/events/`));
		stream.addEventListener("job", e => progress?.(read(e)));
		stream.addEventListener("line", e => line?.(read(e)));
		stream.addEventListener("end", e => {
			stream.close();
			end?.(read(e));
		});
		stream.addEventListener("error", async () => {
			if (left || stream.readyState !== EventSource.CLOSED)
				return;
			const job = await get(path("jobs", id)).catch(() => null);
			if (!left && job)
				["queued", "running"].includes(job.state) ? listenToJob() : end?.(job);
		});
	};
	listenToJob();
	return () => {
		left = true;
		stream.close();
	};
}
