// Who is told what: mail, webhooks, heartbeats; and what could not be told.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {plural, when} from "../lib/format.js";
import {cards} from "../lib/cards.js";
import {action, fill, told} from "../lib/told.js";
import {facts, paged} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {filters} from "../lib/filters.js";
import {form} from "../lib/form.js";

const EVENTS = [["success", "a success"], ["failure", "a failure"], ["missed", "a run that was missed"], ["overdue", "no good backup for too long"], ["drill-failed", "a backup that did not restore"], ["low-space", "little space left"],
	["start", "a backup's begin (only heartbeats)"]];
const KINDS = [["mail", "Mail"], ["webhook", "Webhook (chat services too)"], ["heartbeat", "Heartbeat URL"]];
const FORMATS = [["json", "JSON"], ["slack", "Slack"], ["discord", "Discord"], ["teams", "Teams"], ["telegram", "Telegram"], ["template", "a template of your own"]];
const TELL = ["failure", "missed", "overdue", "drill-failed", "low-space"];
const SECURITY = [["starttls", "STARTTLS"], ["tls", "TLS from the start"], ["none", "none (the password goes in clear)"]];
const ANY = ["server", "user", "from", "url", "url_success", "url_failure", "template"];       // texts that may be taken away
const KEEP = "Leave it empty to keep the one that is known.";

function fields(n, sources) {
	const is = (...kinds) => g => kinds.includes(n?.kind || g.kind);
	return [
		{name: "name", label: "Name", required: true, maxlength: 64, value: n?.name, help: "Letters, digits, . _ -"},
		...n ? [] : [{name: "kind", label: "How", type: "select", choices: KINDS, value: "mail"}],
		{name: "events", label: "Tell about", type: "several", choices: EVENTS, value: n?.events || TELL},
		{name: "sources", label: "Only about", type: "several", choices: sources.map(s => [s.name, s.name]), value: n?.sources, help: "None chosen: all sources."},
		{name: "to", group: "Where to", label: "To (an address a line)", type: "lines", rows: 2, value: (n?.to || []).join("\n"), help: "Empty: the address of the settings.", show: is("mail")},
		{name: "server", label: "Mail server", value: n?.server, placeholder: "smtp.example.org:587", help: "Empty: the one of the settings.", show: is("mail")},
		{name: "security", label: "Encryption", type: "select", choices: SECURITY, value: n?.security || "starttls", show: is("mail")},
		{name: "user", label: "User", value: n?.user, autocomplete: "off", show: is("mail")},
		{name: "password", label: "Password", type: "password", autocomplete: "new-password", help: n?.password_known ? KEEP : "", show: is("mail")},
		{name: "from", label: "From", value: n?.from, placeholder: "backstay@example.org", show: is("mail")},
		{name: "url", group: "Where to", label: "URL", value: n?.url, placeholder: "https://…", help: "It is kept encrypted, and never shown whole: such URLs often hold a token.", show: is("webhook", "heartbeat")},
		{name: "url_success", label: "Another URL for successes", value: n?.url_success, show: is("webhook")},
		{name: "url_failure", label: "Another URL for everything else", value: n?.url_failure, show: is("webhook", "heartbeat")},
		{name: "format", label: "Format", type: "select", choices: FORMATS, value: n?.format || "json", show: is("webhook")},
		{name: "template", label: "Template", type: "textarea", value: n?.template, help: "{{title}} {{text}} {{source}} {{state}} {{event}} {{job}} {{host}} {{time}}", show: g => is("webhook")(g) && g.format === "template"},
		{name: "signing", label: "Secret that signs", type: "password", autocomplete: "new-password", help: `HMAC-SHA-256 of each message, in X-Backstay-Signature. ${n?.signing_known ? KEEP : ""}`, show: is("webhook")},
		...n?.signing_known ? [{name: "unsigned", label: "Forget the secret: send unsigned", type: "checkbox"}] : [],
	];
}

// As the API takes it: secrets only when they are new, other texts also to take them away.
function body({unsigned, ...given}, n) {
	const result = Object.fromEntries(Object.entries(given).filter(([name, v]) => v !== "" || n && ANY.includes(name)));
	if (given.format && given.format !== "template")
		result.template = null;
	if (unsigned)
		result.signing = null;
	if (given.server === "")
		Object.assign(result, {security: null, user: null, password: null});
	return result;
}

const editor = (n, sources, reload) => dialog(n ? `Change ${n.name}` : "New notice", close => form(fields(n, sources), {button: n ? "Save" : "Add it", cancel: () => close(), submit: async given => {
	const made = await (n ? api.patch(api.path("notices", n.id), body(given, n)) : api.post("/notices/", body(given)));
	close();
	told(`${made.name} is ${n ? "changed" : "added"}. Send a test to see whether it arrives.`);
	reload();
}}), {wide: true});

async function drop(n, reload) {
	if (await ask(`Remove ${n.name}?`, "Nobody is told by it any more.", {yes: "Remove", kind: "danger"}))
		await api.remove(api.path("notices", n.id)).then(reload, error => told(error.message, "bad"));
}

// ---- messages ----

const STATES = {sent: ["good", "● sent"], partly: ["partial", "◐ some refused it"], failed: ["failed", "✕ given up"], waiting: ["running", "… waits"]};
const state = d => h("span", {class: `state ${STATES[d.state][0]}`}, d.state === "waiting" && d.tries ? `… tried ${plural(d.tries, "time")}` : STATES[d.state][1]);

const columns = [
	{title: "When", cell: d => when(d.created)}, {title: "What", kind: "main", cell: d => d.job ? h("a", {href: `#/job/${d.job}`}, d.title) : d.title}, {title: "About", cell: d => d.source || ""}, {title: "Over", cell: d => d.notice},
	{title: "State", cell: state}, {title: "Next try", cell: d => d.next_try ? when(d.next_try) : ""}, {title: "Why not", cell: d => d.error || ""}];

// The last message over it, and why it did not arrive.
async function withLast(n) {
	const {items: [last]} = await api.get(`/notices/deliveries/${api.query({notice: n.name, limit: 1})}`);
	return {...n, last};
}

function lastOne(d) {
	return d ? [state(d), " ", when(d.sent || d.created), ": ", d.title, d.error && h("p", {class: "failed"}, h("span", {class: "state"}, `✕ ${d.error}`))] : h("span", {class: "faint"}, "nothing yet");
}

const title = n => [h("h2", n.name), h("span", {class: `state ${n.enabled ? "good" : "cancelled"}`}, n.enabled ? "● on" : "– off")];

const says = n => [
	facts([["How", KINDS.find(([k]) => k === n.kind)?.[1]], ["About", (n.events || []).map(e => EVENTS.find(([known]) => known === e)?.[1] || e).join(", ")], ["Sources", (n.sources || []).join(", ") || "all"], ["Server", n.server], ["To", (n.to || []).join(", ")],
		["URL", n.url], ["For successes", n.url_success], ["For everything else", n.url_failure], ["Format", FORMATS.find(([f]) => f === n.format)?.[1]], ["Signed", n.signing_known && "yes"]]),
	h("p", {class: "faint last"}, "Last message"), lastOne(n.last)];

const buttons = (n, sources, reload) => [
	action("Send a test", async () => {
		await api.post(api.path("notices", n.id, "test"));
		told("The test was sent.");
	}),
	action(n.enabled ? "Switch off" : "Switch on", async () => {
		await api.patch(api.path("notices", n.id), {enabled: !n.enabled});
		reload();
	}),
	h("button", {type: "button", onclick: () => editor(n, sources, reload)}, "Change"), h("button", {type: "button", class: "quiet", onclick: () => drop(n, reload)}, "Remove")];

export async function show({query, leave}) {
	const place = h("div");
	const {items: sources} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const all = cards({title, says, buttons: n => buttons(n, sources, load), on: n => n.enabled});
	const load = () => fill(place, async () => {
		const items = await Promise.all((await api.get(`/notices/${api.query({limit: 1000})}`)).items.map(withLast));
		return items.length ? all(items) : h("p", {class: "sheet empty"}, "Nobody is told anything yet. A failed backup should reach somebody: add a mail address or a chat webhook.");
	});
	const messages = paged((offset, limit) => api.get(`/notices/deliveries/${api.query({...Object.fromEntries(query), offset, limit})}`), columns, {caption: "Messages", empty: "No messages.", limit: 20});
	await load();
	leave(events.on("notice", () => {
		messages.refresh();
		load();
	}));
	return h("div", h("div", {class: "head"}, h("h1", "Notices"), h("button", {type: "button", class: "main", onclick: () => editor(null, sources, load)}, "New notice")), place,
		h("section", {class: "card"}, h("div", {class: "head"}, h("h2", "Messages"), action("Forget those given up", async () => {
			await api.remove("/notices/deliveries/");
			messages.refresh();
			load();
		})), filters("notices", query, [{name: "failed", label: "Show", choices: [["true", "given up"]]}]), messages));
}
