// The shell: who is there, which page is shown, and the way from one to the other. A page is a module in views/ with
// show({parameters, query, session, leave}) -> an element, or a promise of one; the address is #/name/parameter?query.
import {bookmark, h, land, replace} from "./lib/dom.js";
import * as api from "./lib/api.js";
import * as events from "./lib/events.js";
import {refreshTimes} from "./lib/format.js";
import {forget, problem, waiting} from "./lib/told.js";
import {closeAll, dialog} from "./lib/dialog.js";
import {loginForm} from "./views/login.js";
import "./lib/look.js";

const ROLES = {viewer: 1, operator: 2, admin: 3};
// name -> [title in the menu or null, least role, module]
const PAGES = {
	"": ["Overview", "viewer", () => import("./views/overview.js")],
	backups: ["Backups", "viewer", () => import("./views/backups.js")],
	backup: [null, "viewer", () => import("./views/backup.js")],
	restore: [null, "admin", () => import("./views/restore.js")],
	restores: ["Restores", "viewer", () => import("./views/restores.js")],
	schedules: ["Schedules", "viewer", () => import("./views/schedules.js")],
	sources: ["Sources", "viewer", () => import("./views/sources.js")],
	repositories: ["Repositories", "viewer", () => import("./views/repositories.js")],
	jobs: ["Jobs", "viewer", () => import("./views/jobs.js")],
	job: [null, "viewer", () => import("./views/job.js")],
	maintenance: ["Maintenance", "viewer", () => import("./views/maintenance.js")],
	notices: ["Notices", "admin", () => import("./views/notices.js")],
	settings: ["Settings", "admin", () => import("./views/settings.js")],
	users: ["Users", "admin", () => import("./views/users.js")],
	audit: ["Audit", "admin", () => import("./views/audit.js")],
	account: [null, "viewer", () => import("./views/account.js")],
	start: [null, "admin", () => import("./views/start.js")],
};

const view = document.getElementById("view");
let session = null;
let leaving = [];
let turn = 0;

export const may = role => session !== null && ROLES[session.role] >= ROLES[role];
export const go = where => {
	location.hash = where;
};

function place() {
	const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
	const [name, ...parameters] = path.split("/").map(decodeURIComponent);
	return {name, parameters, query: new URLSearchParams(query || "")};
}

// ---- the frame ----

function drawMenu(current) {
	const nav = document.getElementById("nav");
	replace(nav, Object.entries(PAGES).filter(([, [title, role]]) => title && may(role))
		.map(([name, [title]]) => h("a", {href: `#/${name}`, "aria-current": name === current ? "page" : null}, title)));
	replace(document.getElementById("account"), h("a", {href: "#/account"}, session.user), h("button", {type: "button", class: "quiet", onclick: logOut}, "Log out"));
}

function closeMenu() {
	const button = document.getElementById("menu");
	button.setAttribute("aria-expanded", "false");
	document.getElementById("nav").classList.remove("shown");
}

document.getElementById("menu").addEventListener("click", e => {
	const shown = document.getElementById("nav").classList.toggle("shown");
	e.currentTarget.setAttribute("aria-expanded", String(shown));
});
document.getElementById("top").addEventListener("keydown", e => {
	if (e.key === "Escape" && document.querySelector("#nav.shown")) {
		closeMenu();
		document.getElementById("menu").focus();
	}
});
// Its address is no page of ours.
document.querySelector(".skip").addEventListener("click", e => {
	e.preventDefault();
	view.focus();
});

async function logOut() {
	leave();
	events.stop();
	await api.remove("/session/", {plain: true}).catch(() => null);
	location.replace("/");
}

// ---- pages ----

function leave() {
	leaving.forEach(fn => fn());
	leaving = [];
}

// What somebody has begun to fill in is never drawn anew.
let touched = false;
view.addEventListener("input", () => {
	touched = true;
});
const lookAgain = () => session && !touched && showPage();

function refusal(page, role) {
	return page ? [h("h1", "Not for you"), h("p", `Your role is ${session.role}; this page is for ${role}s.`)] : [h("h1", "There is no such page"), h("p", h("a", {class: "button", href: "#/"}, "Back to the overview"))];
}

async function contentOf({name, parameters, query}) {
	const [title, role, load] = PAGES[name] || [];
	if (!load || !may(role))
		return refusal(load, role);
	try {
		const page = await load().catch(() => {
			throw api.silence();
		});
		return await page.show({parameters, query, session, leave: fn => leaving.push(fn)});
	} catch (error) {
		return [h("h1", title || "Backstay"), problem(error), h("button", {type: "button", onclick: showPage}, "Try again")];
	}
}

// Another page is read from its heading on; the same with another query (a filter) leaves the focus where it is. Who has just opened the
// browser's window begins at its top.
let shown = null;
async function showPage() {
	const where = place();
	const page = [where.name, ...where.parameters].join("/");
	const mine = ++turn;
	touched = false;
	const back = page === shown ? bookmark(view) : () => turn === 1;
	leave();
	closeMenu();
	drawMenu(where.name);
	const wait = setTimeout(() => mine === turn && replace(view, waiting()), 200);
	const content = await contentOf(where);
	clearTimeout(wait);
	if (mine !== turn)
		return;
	replace(view, content);
	const heading = view.querySelector("h1");
	document.title = `${heading.textContent} – Backstay`;
	if (page !== shown) {
		forget();
		scrollTo(0, 0);
	}
	shown = page;
	if (!back())
		land(heading);
}

// ---- who is there ----

function began(now) {
	session = now;
	api.useSession(now);
	document.getElementById("top").hidden = false;
	document.body.classList.remove("outside");
	events.start();
}

// The form that was being filled in stays where it is, under the dialog.
let asking = null;
function askAgain() {
	asking ??= dialog("Your session has ended", close => [
		h("p", "Log in again to go on; nothing you typed is lost."),
		loginForm(now => {
			const same = now.user === session.user;
			began(now);
			close(now);
			if (!same)
				showPage();
		}, session.user)], {must: true}).finally(() => {
		asking = null;
	});
	return asking;
}

async function outside(needed = false) {
	const {name, query} = place();
	document.body.classList.add("outside");
	turn++;
	document.title = "Log in – Backstay";
	const {show} = await import("./views/login.js");
	replace(view, show({setup: name === "setup" ? query.get("link") || "" : null, needed, done: now => {
		began(now);
		if (name === "setup")
			location.hash = "#/start";
		else
			showPage();
	}}));
	view.querySelector("input")?.focus();
}

// Until it is known who is there, nothing is shown for another address: what follows looks at the address itself.
let beginning = false;
async function begin() {
	beginning = true;
	api.whenExpired(askAgain);
	try {
		const {logged_in: known, needed} = await api.get("/setup/", {plain: true});
		if (!known) {
			await outside(needed);
			return;
		}
		began(await api.get("/session/", {plain: true}));
		await showPage();
	} catch (error) {
		replace(view, h("h1", "Backstay"), problem(error), h("button", {type: "button", onclick: begin}, "Try again"));
	} finally {
		beginning = false;
	}
}

addEventListener("hashchange", () => {
	closeAll();
	if (session)
		showPage();
	else if (!beginning)
		outside();
});
setInterval(refreshTimes, 15000);

// Whoever is not logged in any more is asked to; the dialog is the same for every reason.
events.on("refused", () => session && api.get("/session/").then(now => began(now), () => null));
events.on("all", lookAgain);
// A stream that breaks off and comes again at once, as when a session ends, is nothing to be told of.
const PATIENCE = 5000;
let silent = null;
let missed = false;
events.on("offline", () => {
	missed = true;
	silent ??= setTimeout(() => {
		const line = document.getElementById("offline");
		line.textContent = "Backstay does not answer. What is shown may be old; the page goes on trying to reach it.";
		line.hidden = false;
	}, PATIENCE);
});
const answers = () => {
	clearTimeout(silent);
	silent = null;
};
events.on("refused", answers);
events.on("online", () => {
	answers();
	document.getElementById("offline").hidden = true;
	if (missed)
		lookAgain();
	missed = false;
});

begin();
