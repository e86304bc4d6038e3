// Sessions and API tokens: one's own on the account's page, everybody's for admins.
import {h} from "./dom.js";
import * as api from "./api.js";
import {when} from "./format.js";
import {action, fill, told} from "./told.js";
import {steady} from "./table.js";
import {dialog} from "./dialog.js";
import {form} from "./form.js";

const SCOPES = [["viewer", "read only"], ["operator", "also back up, verify, export"], ["admin", "everything"]];
const removal = (label, where, reload) => action(label, () => api.remove(where).then(reload));

// "Firefox on Linux", of what browsers say of themselves; of others all of it.
const BROWSERS = [[/Edg/, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrom/, "Chrome"], [/Safari\//, "Safari"]];
const SYSTEMS = [[/Windows/, "Windows"], [/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"]];
function browserOf(agent) {
	const [browser, system] = [BROWSERS, SYSTEMS].map(known => known.find(([pattern]) => pattern.test(agent))?.[1]);
	return browser && system ? `${browser} on ${system}` : agent || "–";
}

// Lists that load themselves into what they give; .ready is when they are there, .reload() loads anew.
function loaded(load) {
	const place = h("div");
	place.reload = () => fill(place, load);
	place.ready = place.reload();
	return place;
}

export function sessions({everybody = false} = {}) {
	const list = steady([
		...everybody ? [{title: "User", kind: "main", cell: s => s.user_name}] : [],
		{title: "From", kind: everybody ? "" : "main", cell: s => h("span", {class: "whole"}, s.address || "–")}, {title: "Browser", cell: s => browserOf(s.agent)}, {title: "Began", cell: s => when(s.created)}, {title: "Last used", cell: s => when(s.used)},
		{title: "", cell: s => s.current ? h("span", {class: "whole"}, "this one") : removal("End", api.path("sessions", s.id), () => place.reload())}], {caption: "Sessions", empty: "Nobody is logged in."});
	const others = removal("End all others", "/sessions/", () => place.reload());
	const place = loaded(async () => {
		const {items} = await api.get(`/sessions/${api.query({all: everybody || null, limit: 1000})}`);
		return [list(items), !everybody && items.length > 1 && others];
	});
	return place;
}

export function tokens({everybody = false} = {}) {
	const list = steady([
		{title: "Name", kind: "main", cell: t => t.name}, ...everybody ? [{title: "User", cell: t => t.user_name}] : [], {title: "Scope", cell: t => t.scope}, {title: "Last used", cell: t => when(t.used)}, {title: "Expires", cell: t => when(t.expires)},
		{title: "", cell: t => removal("Revoke", api.path("tokens", t.id), () => place.reload())}], {caption: "API tokens", empty: "No tokens."});
	const place = loaded(async () => list((await api.get(`/tokens/${api.query({own: everybody ? null : true, limit: 1000})}`)).items));
	return place;
}

// Where there is no clipboard, as on a page without TLS, the text is marked for the person to copy.
async function copy(pre) {
	try {
		await navigator.clipboard.writeText(pre.textContent);
		told("Copied.");
	} catch {
		getSelection().selectAllChildren(pre);
		told("It is marked: copy it with the keyboard.");
	}
}

const shown = made => dialog(`The token ${made.name}`, done => {
	const text = h("pre", {class: "token"}, made.token);
	return [h("p", "It is shown this once. Keep it where its program finds it:"), text,
		h("div", {class: "buttons"}, h("button", {type: "button", class: "main", onclick: () => copy(text)}, "Copy"), h("button", {type: "button", onclick: () => done()}, "Done"))];
}, {must: true});

// `users`: names of those it may be for; none: oneself.
export const newToken = (reload, users = []) => dialog("New API token", close => form([
	{name: "name", label: "What is it for?", required: true, maxlength: 64, placeholder: "ci"},
	...users.length ? [{name: "user", label: "For whom?", type: "select", choices: users.map(u => [u, u])}] : [],
	{name: "scope", label: "It may", type: "select", choices: SCOPES, value: "viewer", help: "Never more than its user may."},
	{name: "days", label: "Days until it expires", type: "number", min: 1, max: 3650, value: 90, help: "Empty: it never expires."},
], {button: "Make it", cancel: () => close(), submit: async ({days, ...given}) => {
	const made = await api.post("/tokens/", {...given, ...days ? {expires: new Date(Date.now() + days * 86400000).toISOString()} : {}});
	close();
	reload();
	await shown(made);
}}));
