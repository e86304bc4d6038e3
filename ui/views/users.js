// Who may log in, with which role; everybody's sessions and tokens.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {when} from "../lib/format.js";
import {action, fill, told} from "../lib/told.js";
import {steady} from "../lib/table.js";
import {dialog, ask} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {newToken, sessions, tokens} from "../lib/access.js";

const ROLES = [["viewer", "Viewer: sees everything but secrets"], ["operator", "Operator: also backs up, verifies, exports"], ["admin", "Admin: also restores, deletes, configures"]];
const PASSWORD = {name: "password", label: "Password", type: "password", autocomplete: "new-password", minlength: 10, help: "At least 10 characters."};

const editor = (user, reload) => dialog(user ? `Change ${user.name}` : "New user", close => form([
	...user ? [] : [{name: "name", label: "Name", required: true, maxlength: 64, help: "Letters, digits, . _ - @"}],
	{name: "role", label: "Role", type: "select", choices: ROLES, value: user?.role || "viewer"},
	{...PASSWORD, required: !user, label: user ? "New password" : "Password", help: user ? "Leave it empty to keep the old one. A new one ends all sessions of this user." : PASSWORD.help},
	...user ? [{name: "disabled", label: "May not log in", type: "checkbox", value: user.disabled, help: "Sessions end at once, and tokens are of no use meanwhile."}] : [],
], {cancel: () => close(), submit: async given => {
	if (!given.password)
		delete given.password;
	await (user ? api.patch(api.path("users", user.id), given) : api.post("/users/", given));
	close();
	told(user ? `${user.name} is changed.` : `${given.name} may log in now.`);
	reload();
}}));

async function drop(user, reload) {
	if (!await ask(`Remove ${user.name}?`, "All sessions and tokens of this user end at once. What the user did stays in the audit trail.", {yes: "Remove", kind: "danger"}))
		return;
	await api.remove(api.path("users", user.id)).then(reload, error => told(error.hint ? `${error.message}. ${error.hint}` : error.message, "bad"));
}

const codesOff = (user, reload) => action("Turn codes off", async () => {
	await api.patch(api.path("users", user.id), {totp: false});
	told(`${user.name} logs in with the password alone now.`);
	reload();
}, {kind: "quiet", confirm: () => ask(`Turn the one-time codes of ${user.name} off?`, "For who has lost the device that makes them: the password alone is enough then.", {yes: "Turn them off", kind: "danger"})});

const list = reload => steady([
	{title: "Name", kind: "main", cell: u => u.name}, {title: "Role", cell: u => u.role},
	{title: "Logs in", cell: u => u.disabled ? h("span", {class: "failed"}, h("span", {class: "state"}, "✕ disabled")) : u.password_known ? "with a password" : "never: no password"},
	{title: "One-time codes", cell: u => u.totp ? h("span", "on ", codesOff(u, reload)) : "off"},
	{title: "Last login", cell: u => when(u.last_login)},
	{title: "", cell: u => h("span", {class: "pair"}, h("button", {type: "button", "aria-label": `Change ${u.name}`, onclick: () => editor(u, reload)}, "Change"), h("button", {type: "button", class: "quiet", "aria-label": `Remove ${u.name}`, onclick: () => drop(u, reload)}, "Remove"))},
], {caption: "Users"});

export async function show({leave}) {
	const place = h("div");
	const theirSessions = sessions({everybody: true});
	const theirTokens = tokens({everybody: true});
	let users = [];
	const reload = () => Promise.all([load(), theirSessions.reload(), theirTokens.reload()]);
	const draw = list(reload);
	const load = () => fill(place, async () => {
		users = (await api.get(`/users/${api.query({limit: 1000})}`)).items;
		return draw(users);
	});
	await Promise.all([load(), theirSessions.ready, theirTokens.ready]);
	leave(events.on("user", load));
	leave(events.on("session", theirSessions.reload));
	return h("div", h("div", {class: "head"}, h("h1", "Users"), h("button", {type: "button", class: "main", onclick: () => editor(null, reload)}, "New user")), h("div", {class: "sheet"}, place),
		h("section", {class: "card"}, h("h2", "Sessions"), theirSessions),
		h("section", {class: "card"}, h("div", {class: "head"}, h("h2", "API tokens"), h("button", {type: "button", onclick: () => newToken(theirTokens.reload, users.map(u => u.name))}, "New token")), theirTokens));
}
