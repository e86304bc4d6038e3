// The REST API. Every failure is an ApiError with the server's sentence, cause and way out.

const BASE = "/backup/api";
let csrf = null;
let onExpired = null;       // asks the person to log in again; resolves when done

export class ApiError extends Error {
	constructor(status, problem) {
		super(problem.detail || problem.title || `the server answered ${status}`);
		this.status = status;
		this.kind = problem.kind || "";
		this.hint = problem.hint || "";
		this.field = problem.field || "";
		this.problem = problem;
	}
}

export function useSession(session) {
	csrf = session ? session.csrf : null;
}

export function whenExpired(ask) {
	onExpired = ask;
}

export function path(...parts) {
	return "/" + parts.map(encodeURIComponent).join("/") + "/";
}

export function query(parameters) {
	const pairs = Object.entries(parameters).filter(([, v]) => v !== "" && v !== null && v !== undefined);
	return pairs.length ? "?" + new URLSearchParams(pairs) : "";
}

export const silence = () => new ApiError(0, {detail: "Backstay does not answer", kind: "offline", hint: "look whether `backstay serve` still runs; what you typed stays here"});

async function problemOf(response) {
	try {
		return await response.json();
	} catch {
		return {title: response.statusText || "no answer that could be read"};
	}
}

async function send(method, where, body, options) {
	const headers = {Accept: "application/json"};
	if (csrf && method !== "GET")
		headers["X-CSRF-Token"] = csrf;
	if (body !== undefined && !(body instanceof FormData))
		headers["Content-Type"] = "application/json";
	const content = body === undefined || body instanceof FormData ? body : JSON.stringify(body);
	try {
		return await fetch(BASE + where, {method, headers, body: content, credentials: "same-origin", ...options});
	} catch (cause) {
		if (cause.name === "AbortError")
			throw cause;
		throw silence();
	}
}

// A session that has ended is renewed by logging in, and the request is made again: no form is lost.
export async function call(method, where, body, options = {}) {
	let response = await send(method, where, body, options);
	if (response.status === 401 && onExpired && !options.plain) {
		await onExpired();
		response = await send(method, where, body, options);
	}
	if (!response.ok)
		throw new ApiError(response.status, await problemOf(response));
	if (response.status === 204 || response.status === 205)
		return null;
	const type = response.headers.get("Content-Type") || "";
	return type.includes("json") ? response.json() : response.text();
}

export const get = (where, options) => call("GET", where, undefined, options);
export const post = (where, body = {}, options) => call("POST", where, body, options);
export const put = (where, body, options) => call("PUT", where, body, options);
export const patch = (where, body, options) => call("PATCH", where, body, options);
export const remove = (where, options) => call("DELETE", where, undefined, options);

// A form with files, with progress(sent, total) on the way; abort through `signal`.
export function upload(where, form, progress, signal) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("POST", BASE + where);
		request.responseType = "json";
		if (csrf)
			request.setRequestHeader("X-CSRF-Token", csrf);
		request.upload.addEventListener("progress", e => progress(e.loaded, e.total));
		request.addEventListener("load", () => request.status < 300 ? resolve(request.response)
			: reject(new ApiError(request.status, request.response || {title: request.statusText})));
		request.addEventListener("error", () => reject(new ApiError(0, {detail: "the connection was lost during the upload", kind: "offline", hint: "send the file again"})));
		request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
		signal?.addEventListener("abort", () => request.abort());
		request.send(form);
	});
}

export const url = where => BASE + where;
