// Who is told what: mail, webhooks, heartbeats; and what could not be told.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {when} from "../lib/format.js";
import {action, fill, told} from "../lib/told.js";
import {facts, paged} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";

const EVENTS = [["success", "a success"], ["failure", "a failure"], ["missed", "a run that was missed"], ["overdue", "no good backup for too long"], ["drill-failed", "a backup that did not restore"], ["low-space", "little space left"]];
const KINDS = [["mail", "Mail"], ["webhook", "Webhook (chat services too)"], ["heartbeat", "Heartbeat URL"]];
const FORMATS = ["json", "slack", "discord", "teams", "telegram", "template"].map(f => [f, f]);
const isMail = g => g.kind === "mail";
const isHook = g => g.kind === "webhook";

const fields = (n, sources) => [
	...n ? [] : [{name: "name", label: "Name", required: true, maxlength: 64}],
	{name: "kind", label: "How", type: "select", choices: KINDS, value: n?.kind || "mail"},
	{name: "events", label: "Tell about", type: "several", choices: EVENTS, value: n?.events || ["failure", "missed", "overdue", "drill-failed", "low-space"]},
	{name: "sources", label: "Only about", type: "several", choices: sources.map(s => [s.name, s.name]), value: n?.sources, help: "None chosen: all sources."},
	{name: "server", label: "Mail server", value: n?.server, placeholder: "smtp.example.org:587", show: isMail},
	{name: "security", label: "Encryption", type: "select", choices: [["starttls", "STARTTLS"], ["tls", "TLS from the start"], ["none", "none (the password goes in clear)"]], value: n?.security || "starttls", show: isMail},
	{name: "user", label: "User", value: n?.user, autocomplete: "off", show: isMail},
	{name: "password", label: "Password", type: "password", autocomplete: "new-password", help: n ? "Leave it empty to keep the one that is known." : "", show: isMail},
	{name: "from", label: "From", value: n?.from, placeholder: "backstay@example.org", show: isMail},
	{name: "to", label: "To (an address a line)", type: "textarea", rows: 2, value: (n?.to || []).join("\n"), show: isMail},
	{name: "url", label: "URL", placeholder: n?.url || "https://…", help: n ? "Leave it empty to keep the one that is known." : "It is kept sealed: such URLs often hold a token.", show: g => !isMail(g)},
	{name: "url_success", label: "Another URL for successes", placeholder: n?.url_success, show: isHook},
	{name: "url_failure", label: "Another URL for everything else", placeholder: n?.url_failure, show: g => !isMail(g)},
	{name: "format", label: "Format", type: "select", choices: FORMATS, value: n?.format || "json", show: isHook},
	{name: "template", label: "Template", type: "textarea", value: n?.template, help: "{{title}} {{text}} {{source}} {{state}} {{event}} {{job}}", show: g => isHook(g) && g.format === "template"},
	{name: "signing", label: "Secret that signs", type: "password", autocomplete: "new-password", help: "HMAC-SHA-256 of each message, in X-Backstay-Signature.", show: isHook},
];

function body(given) {
	const result = {};
	for (const [name, v] of Object.entries(given))
		if (name === "to")
			result.to = v.split("\n").map(s => s.trim()).filter(Boolean);
		else if (v !== "")
			result[name] = v;
	return result;
}

const editor = (n, sources, reload) => dialog(n ? `Change ${n.name}` : "New notice", close => form(fields(n, sources), {button: n ? "Save" : "Add it", cancel: () => close(), submit: async given => {
	const made = await (n ? api.patch(api.path("notices", n.id), body(given)) : api.post("/notices/", body(given)));
	close();
	told(`${made.name} is ${n ? "changed" : "added"}. Send a test to see whether it arrives.`);
	reload();
}}), {wide: true});

async function drop(n, reload) {
	if (await ask(`Remove ${n.name}?`, "Nobody is told by it any more.", {yes: "Remove", kind: "danger"}))
		await api.remove(api.path("notices", n.id)).then(reload, error => told(error.message, "bad"));
}

const card = (n, sources, reload) => h("section", {class: "card"}, h("div", {class: "head"}, h("h2", n.name), h("span", {class: `state ${n.enabled ? "good" : "cancelled"}`}, n.enabled ? "● on" : "– off")),
	facts([["How", KINDS.find(([k]) => k === n.kind)?.[1]], ["About", (n.events || []).join(", ")], ["Sources", (n.sources || []).join(", ") || "all"], ["Server", n.server], ["To", (n.to || []).join(", ")], ["URL", n.url]]),
	h("div", {class: "buttons"},
		action("Send a test", async () => {
			await api.post(api.path("notices", n.id, "test"));
			told("The test was sent.");
		}),
		action(n.enabled ? "Switch off" : "Switch on", async () => {
			await api.patch(api.path("notices", n.id), {enabled: !n.enabled});
			reload();
		}),
		h("button", {type: "button", onclick: () => editor(n, sources, reload)}, "Change"), h("button", {type: "button", class: "quiet", onclick: () => drop(n, reload)}, "Remove")));

export async function show() {
	const place = h("div");
	const {items: sources} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const load = () => fill(place, async () => {
		const {items} = await api.get("/notices/");
		return items.length ? items.map(n => card(n, sources, load)) : h("p", {class: "sheet empty"}, "Nobody is told anything yet. A failed backup should reach somebody: add a mail address or a chat webhook.");
	});
	await load();
	return h("div", h("div", {class: "head"}, h("h1", "Notices"), h("button", {type: "button", class: "main", onclick: () => editor(null, sources, load)}, "New notice")), place,
		h("section", {class: "card"}, h("h2", "Messages"), paged((offset, limit) => api.get(`/notices/deliveries/${api.query({offset, limit})}`), [
			{title: "When", cell: d => when(d.created)}, {title: "What", kind: "main", cell: d => d.title}, {title: "About", cell: d => d.source || ""},
			{title: "State", cell: d => d.sent ? h("span", {class: "state good"}, "● sent") : d.state === "given-up" || d.state === "given up" ? h("span", {class: "state failed"}, "✕ given up") : h("span", {class: "state running"}, `… tried ${d.tries} times`)}, {title: "Why not", cell: d => d.error || ""}],
		{caption: "Messages", empty: "No messages yet.", limit: 20})));
}
