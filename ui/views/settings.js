// Settings, and the whole configuration as one file.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {size} from "../lib/format.js";
import {action, fill, told} from "../lib/told.js";
import {table} from "../lib/table.js";
import {dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {lookForm} from "../lib/look.js";
import {save} from "../lib/save.js";

const FIXED = {environment: "the environment", file: "the configuration file"};
const isFixed = s => s.origin in FIXED;
const sentence = s => s[0].toUpperCase() + s.slice(1);
const title = name => sentence(name.replaceAll("_", " ").replace(/\b(smtp|url)\b/, s => s.toUpperCase()));
const wrong = s => s.error && h("span", {class: "failed"}, h("span", {class: "state"}, `✕ ${s.error}`));

function text(s, value) {
	if (s.type === "secret")
		return s.known ? "••••" : "none";
	if (value === "" || value === null || value === undefined)
		return "nothing";
	return s.type === "bool" ? value ? "yes" : "no" : s.type === "size" ? size(value) : String(value);
}

// ---- those that can be changed here ----

// "10G", without a loss.
function exactSize(bytes) {
	const units = ["", "K", "M", "G", "T"];
	let n = bytes;
	while (n && n % 1024 === 0 && units.length > 1) {
		n /= 1024;
		units.shift();
	}
	return `${n}${units[0]}`;
}

function back(name, s, reload) {
	return action(s.type === "secret" ? "Forget it" : "Back to the default", async () => {
		await api.patch("/settings/", {[name]: null});
		told(`${title(name)}: ${s.type === "secret" ? "forgotten" : "as it is by default"}.`);
		reload();
	}, {kind: "quiet"});
}

// What belongs together: the title, and the first of its settings. They come in this order.
const GROUPS = {compression_level: "Backups and their space", listen: "Dashboard and API", jobs: "Jobs and the log", email_notifications: "Mail"};

function field(name, s, reload) {
	const help = [`${sentence(s.help)}. `, s.type === "secret" ? s.known && "One is kept; leave it empty to keep it. " : `Default: ${text(s, s.default)}. `, wrong(s), s.origin === "catalog" && back(name, s, reload)];
	const common = {name, group: GROUPS[name], label: title(name), help, value: s.type === "size" ? exactSize(s.value) : s.value ?? ""};
	if (s.type === "bool")
		return {...common, type: "checkbox", value: s.value === true};
	if (s.type === "choice")
		return {...common, type: "select", choices: s.choices.map(c => [c, c])};
	if (s.type === "secret")
		return {...common, type: "password", value: "", autocomplete: "new-password"};
	return {...common, type: s.type === "number" ? "number" : "text", min: s.min, max: s.max};
}

// What differs from what was shown; an empty number is back to the default.
async function keep(fields, given, reload) {
	const before = new Map(fields.map(f => [f.name, f.value]));
	const changed = Object.fromEntries(Object.entries(given).map(([name, v]) => [name, v === undefined ? "" : v]).filter(([name, v]) => v !== before.get(name)).map(([name, v]) => [name, v === "" ? null : v]));
	if (!Object.keys(changed).length)
		return told("Nothing was changed.");
	await api.patch("/settings/", changed);
	told("The settings are kept.");
	return reload();
}

const fixedTable = fixed => table([
	{title: "Setting", kind: "main", cell: ([name]) => title(name)}, {title: "Value", cell: ([, s]) => text(s, s.value)}, {title: "Given by", cell: ([, s]) => h("span", FIXED[s.origin], ": ", h("code", s.variable))}, {title: "Default", cell: ([, s]) => s.type === "secret" ? "none" : text(s, s.default)},
	{title: "What it is", cell: ([, s]) => h("span", sentence(s.help), s.error && ". ", wrong(s))}], fixed, {caption: "Settings that are given from outside"});

// ---- the configuration as one file ----

const sealed = () => dialog("With secrets", close => form([
	{name: "passphrase", label: "Passphrase", type: "password", required: true, autocomplete: "new-password", help: "The secrets are encrypted with it; it is asked for where the file is applied."},
], {button: "Download it", cancel: () => close(), submit: async given => {
	save("backstay-config.json", JSON.stringify(await api.post("/config/export/", given), null, "\t"));
	close();
}}));

async function read(file) {
	try {
		return JSON.parse(await file.text());
	} catch {
		throw Object.assign(new Error("this is no configuration file"), {field: "file"});
	}
}

const apply = reload => dialog("Apply a configuration", close => {
	const changes = h("div", {"aria-live": "polite"});
	return [form([
		{name: "file", label: "File", type: "file", required: true},
		{name: "passphrase", label: "Passphrase", type: "password", autocomplete: "off", help: "Of a file with secrets."},
		{name: "replace", label: "Remove what its sections do not name", type: "checkbox"},
	], {button: "Show what would change", cancel: () => close(), submit: async ({passphrase, replace: whole}, element) => {
		const wanted = {configuration: await read(element.elements.file.files[0]), replace: whole, ...passphrase ? {passphrase} : {}};
		const {changes: sentences} = await api.post("/config/apply/", {...wanted, dry_run: true});
		replace(changes, h("h3", sentences.length ? "It changes this:" : "Nothing would change."), h("ul", sentences.map(s => h("li", s))), sentences.length > 0 && action("Apply it", async () => {
			await api.post("/config/apply/", wanted);
			close();
			told("The configuration is applied.");
			reload();
		}, {kind: "danger"}));
	}}), changes];
}, {wide: true});

const configuration = reload => h("section", {class: "card"}, h("h2", "The whole configuration"), h("p", "Sources, repositories, schedules, notices and settings in one file. It can be applied here or on another machine; ", h("code", "backstay config apply FILE"), " does the same."),
	h("div", {class: "buttons"}, action("Download it", async () => save("backstay-config.json", JSON.stringify(await api.get("/config/"), null, "\t"))),
		h("button", {type: "button", onclick: sealed}, "Download it with secrets"), h("button", {type: "button", onclick: () => apply(reload)}, "Apply a file")));

export async function show() {
	const place = h("div");
	const load = () => fill(place, async () => {
		const all = Object.entries(await api.get("/settings/"));
		const fields = all.filter(([, s]) => !isFixed(s)).map(([name, s]) => field(name, s, load));
		const fixed = all.filter(([, s]) => isFixed(s));
		return [h("section", {class: "card"}, h("h2", "Backstay"), form(fields, {button: "Save the settings", submit: given => keep(fields, given, load)})),
			fixed.length > 0 && h("section", {class: "card"}, h("h2", "Given from outside"), h("p", "These can only be changed where they come from."), fixedTable(fixed))];
	});
	await load();
	return h("div", h("h1", "Settings"), h("section", {class: "card"}, h("h2", "How this page looks"), lookForm()), place, configuration(load));
}
