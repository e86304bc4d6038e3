// Settings, and the whole configuration as one file.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {action, told} from "../lib/told.js";
import {form} from "../lib/form.js";
import {lookForm} from "../lib/look.js";

const FIXED = ["environment", "file"];

function field(name, s) {
	const fixed = FIXED.includes(s.origin);
	const help = [s.help, s.error, fixed ? `Given by the ${s.origin}, and can only be changed there.` : s.default !== undefined && s.default !== "" ? `Unless said otherwise: ${s.default}` : ""].filter(Boolean).join(" ");
	const common = {name, label: name.replaceAll("_", " "), help, value: s.value ?? ""};
	if (s.type === "bool")
		return {...common, type: "checkbox", value: s.value === true};
	if (s.type === "choice")
		return {...common, type: "select", choices: s.choices.map(c => [c, c])};
	if (s.type === "secret")
		return {...common, type: "password", value: "", help: `${help} ${s.known ? "One is kept; leave it empty to keep it." : ""}`};
	return {...common, type: s.type === "number" ? "number" : "text", min: s.min, max: s.max};
}

export async function show() {
	const all = Object.entries(await api.get("/settings/"));
	const open = all.filter(([, s]) => !FIXED.includes(s.origin));
	const fixed = all.filter(([, s]) => FIXED.includes(s.origin));
	const fields = open.map(([name, s]) => field(name, s));
	const before = new Map(fields.map(f => [f.name, f.value]));
	return h("div", h("h1", "Settings"),
		h("section", {class: "card"}, h("h2", "How this page looks"), lookForm()),
		h("section", {class: "card"}, h("h2", "Backstay"), form(fields, {submit: async given => {
			const changed = Object.fromEntries(Object.entries(given).filter(([name, v]) => v !== undefined && v !== before.get(name) && !(v === "" && before.get(name) === "")));
			if (!Object.keys(changed).length)
				return told("Nothing was changed.");
			await api.patch("/settings/", changed);
			for (const [name, v] of Object.entries(changed))
				before.set(name, v);
			return told("The settings are kept.");
		}})),
		fixed.length > 0 && h("section", {class: "card"}, h("h2", "Given by the environment"), h("dl", {class: "facts"}, fixed.map(([name, s]) => h("div", h("dt", name), h("dd", s.type === "secret" ? "••••" : String(s.value)), h("dd", {class: "faint"}, s.help))))),
		h("section", {class: "card"}, h("h2", "The whole configuration"), h("p", "Sources, repositories, schedules, notices and settings in one file, without secrets. ", h("code", "backstay config apply FILE"), " brings it to another machine."),
			action("Download it", async () => {
				const text = JSON.stringify(await api.get("/config/"), null, "\t");
				const link = h("a", {href: URL.createObjectURL(new Blob([text], {type: "application/json"})), download: "backstay-config.json"});
				link.click();
				setTimeout(() => URL.revokeObjectURL(link.href), 1000);
			})));
}
