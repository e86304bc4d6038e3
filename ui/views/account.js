// One's own account: sessions, tokens, how the page looks.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {when} from "../lib/format.js";
import {fill, told} from "../lib/told.js";
import {table} from "../lib/table.js";
import {dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {lookForm} from "../lib/look.js";

const SCOPES = [["viewer", "read only"], ["operator", "also back up, verify, export"], ["admin", "everything"]];

const newToken = reload => dialog("New API token", close => form([
	{name: "name", label: "What is it for?", required: true, maxlength: 64, placeholder: "ci"},
	{name: "scope", label: "It may", type: "select", choices: SCOPES, value: "viewer", help: "Never more than you may yourself."},
	{name: "days", label: "Days until it expires", type: "number", min: 1, max: 3650, value: 90},
], {button: "Make it", cancel: () => close(), submit: async ({name, scope, days}) => {
	const made = await api.post("/tokens/", {name, scope, ...days ? {expires: new Date(Date.now() + days * 86400000).toISOString()} : {}});
	close();
	reload();
	await dialog("The token", done => [h("p", "It is shown this once. Keep it where its program finds it:"), h("pre", {class: "token"}, made.token),
		h("div", {class: "buttons"}, h("button", {type: "button", class: "main", onclick: () => navigator.clipboard.writeText(made.token).then(() => told("Copied."))}, "Copy"), h("button", {type: "button", onclick: () => done()}, "Done"))]);
}}));

const CURRENT = {name: "password", label: "Password now", type: "password", required: true, autocomplete: "current-password"};

const newPassword = () => dialog("New password", close => form([
	CURRENT,
	{name: "new_password", label: "New password", type: "password", required: true, autocomplete: "new-password", minlength: 10, help: "At least 10 characters. All other sessions end."},
	{name: "again", label: "New password once more", type: "password", required: true, autocomplete: "new-password"},
], {button: "Change it", cancel: () => close(), submit: async ({password, new_password, again}) => {
	if (new_password !== again)
		throw Object.assign(new Error("the two passwords differ"), {field: "again"});
	api.useSession(await api.post("/account/password/", {password, new_password}));
	close();
	told("The password is changed.");
}}));

const codesOn = (reload, made) => dialog("One-time codes", close => [
	h("p", "Give this key to the app that makes the codes, then type the first one:"), h("pre", {class: "token"}, made.key), h("p", h("a", {href: made.url}, "Open it in an app on this device")),
	form([CURRENT, {name: "code", label: "Code", required: true, maxlength: 7, inputmode: "numeric", autocomplete: "one-time-code"}],
		{button: "Turn codes on", cancel: () => close(), submit: async ({password, code}) => {
			await api.post("/account/totp/", {password, code, key: made.key});
			close();
			reload();
			told("From now on each login wants a code.");
		}})]);

const codesOff = reload => dialog("No more one-time codes", close => form([CURRENT], {button: "Turn codes off", kind: "danger", cancel: () => close(), submit: async given => {
	await api.post("/account/totp/off/", given);
	close();
	reload();
	told("The password alone is enough now.");
}}));

export function show({session}) {
	const sessions = h("div");
	const tokens = h("div");
	const login = h("div");
	const loadLogin = () => fill(login, async () => {
		const me = await api.get("/account/");
		return h("div", h("p", me.totp ? "One-time codes are on." : "One-time codes are off."), h("div", {class: "buttons"},
			h("button", {type: "button", onclick: newPassword}, "Change password"),
			me.totp ? h("button", {type: "button", onclick: () => codesOff(loadLogin)}, "Turn codes off")
				: h("button", {type: "button", onclick: async () => codesOn(loadLogin, await api.post("/account/totp/key/"))}, "Turn codes on")));
	});
	const end = async (where, reload) => api.remove(where).then(reload, error => told(error.message, "bad"));
	const loadSessions = () => fill(sessions, async () => table([
		{title: "From", kind: "main", cell: s => s.address || "–"}, {title: "Browser", cell: s => s.agent || "–"}, {title: "Began", cell: s => when(s.created)}, {title: "Last used", cell: s => when(s.used)},
		{title: "", cell: s => s.current ? "this one" : h("button", {type: "button", onclick: () => end(api.path("sessions", s.id), loadSessions)}, "End")}],
	(await api.get("/sessions/")).items, {caption: "Sessions"}));
	const loadTokens = () => fill(tokens, async () => table([
		{title: "Name", kind: "main", cell: t => t.name}, {title: "Scope", cell: t => t.scope}, {title: "Last used", cell: t => when(t.used)}, {title: "Expires", cell: t => when(t.expires)},
		{title: "", cell: t => h("button", {type: "button", onclick: () => end(api.path("tokens", t.id), loadTokens)}, "Revoke")}],
	(await api.get("/tokens/")).items, {caption: "API tokens", empty: "No tokens."}));
	loadLogin();
	loadSessions();
	loadTokens();
	return h("div", h("h1", session.user), h("p", {class: "faint"}, `Role: ${session.role}`),
		h("section", {class: "card"}, h("h2", "Look"), lookForm()),
		h("section", {class: "card"}, h("h2", "Login"), login),
		h("section", {class: "card"}, h("h2", "Sessions"), sessions),
		h("section", {class: "card"}, h("div", {class: "head"}, h("h2", "API tokens"), h("button", {type: "button", onclick: () => newToken(loadTokens)}, "New token")), tokens));
}
