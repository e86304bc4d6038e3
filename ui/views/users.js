// Who may log in, with which role.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {when} from "../lib/format.js";
import {fill, told} from "../lib/told.js";
import {table} from "../lib/table.js";
import {dialog, ask} from "../lib/dialog.js";
import {form} from "../lib/form.js";

const ROLES = [["viewer", "Viewer: sees everything but secrets"], ["operator", "Operator: also backs up, verifies, exports"], ["admin", "Admin: also restores, deletes, configures"]];
const PASSWORD = {name: "password", label: "Password", type: "password", autocomplete: "new-password", minlength: 10, help: "At least 10 characters."};

const editor = (user, reload) => dialog(user ? `Change ${user.name}` : "New user", close => form([
	...user ? [] : [{name: "name", label: "Name", required: true, maxlength: 64}],
	{name: "role", label: "Role", type: "select", choices: ROLES, value: user?.role || "viewer"},
	{...PASSWORD, required: !user, label: user ? "New password" : "Password", help: user ? "Leave it empty to keep the old one. A new one ends all sessions of this user." : PASSWORD.help},
	...user ? [{name: "disabled", label: "May not log in", type: "checkbox", value: user.disabled}] : [],
], {cancel: () => close(), submit: async given => {
	if (!given.password)
		delete given.password;
	await (user ? api.patch(api.path("users", user.id), given) : api.post("/users/", given));
	close();
	told(user ? `${user.name} is changed.` : `${given.name} may log in now.`);
	reload();
}}));

export function show() {
	const place = h("div");
	const load = () => fill(place, async () => {
		const {items} = await api.get("/users/");
		return table([
			{title: "Name", kind: "main", cell: u => u.name}, {title: "Role", cell: u => u.role},
			{title: "One-time codes", cell: u => u.totp ? "on" : "off"},
			{title: "Last login", cell: u => when(u.last_login)}, {title: "", cell: u => u.disabled ? "disabled" : ""},
			{title: "", cell: u => h("span", h("button", {type: "button", onclick: () => editor(u, load)}, "Change"), " ", h("button", {type: "button", class: "quiet", onclick: () => drop(u, load)}, "Remove"))},
		], items, {caption: "Users"});
	});
	load();
	return h("div", h("div", {class: "head"}, h("h1", "Users"), h("button", {type: "button", class: "main", onclick: () => editor(null, load)}, "New user")), h("div", {class: "sheet"}, place));
}

async function drop(user, reload) {
	if (!await ask(`Remove ${user.name}?`, "All sessions and tokens of this user end at once. What the user did stays in the audit trail.", {yes: "Remove", kind: "danger"}))
		return;
	await api.remove(api.path("users", user.id)).then(reload, error => told(error.message, "bad"));
}
