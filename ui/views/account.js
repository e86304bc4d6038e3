// One's own account: password, one-time codes, sessions, tokens, how the page looks.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {fill, action, told} from "../lib/told.js";
import {dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {lookForm} from "../lib/look.js";
import {newToken, sessions, tokens} from "../lib/access.js";

const CURRENT = {name: "password", label: "Password now", type: "password", required: true, autocomplete: "current-password"};

const newPassword = reload => dialog("New password", close => form([
	CURRENT,
	{name: "new_password", label: "New password", type: "password", required: true, autocomplete: "new-password", minlength: 10, help: "At least 10 characters. All other sessions end."},
	{name: "again", label: "New password once more", type: "password", required: true, autocomplete: "new-password"},
], {button: "Change it", cancel: () => close(), submit: async ({password, new_password, again}) => {
	if (new_password !== again)
		throw Object.assign(new Error("the two passwords differ"), {field: "again"});
	api.useSession(await api.post("/account/password/", {password, new_password}));
	close();
	reload();
	told("The password is changed.");
}}));

async function codesOn(reload) {
	const [made, {picture}] = await Promise.all([api.post("/account/totp/key/"), import("../lib/qr.js")]);
	return dialog("One-time codes", close => [
		h("p", "Photograph this with the app that makes the codes:"), picture(made.url, "QR code of the key"),
		h("p", "Or type the key into it:"), h("pre", {class: "token"}, made.key), h("p", h("a", {href: made.url}, "Open it in an app on this device")),
		form([CURRENT, {name: "code", label: "The first code it shows", required: true, maxlength: 7, inputmode: "numeric", autocomplete: "one-time-code"}],
			{button: "Turn codes on", cancel: () => close(), submit: async ({password, code}) => {
				await api.post("/account/totp/", {password, code, key: made.key});
				close();
				reload();
				told("From now on each login wants a code.");
			}})]);
}

const codesOff = reload => dialog("No more one-time codes", close => form([CURRENT], {button: "Turn codes off", kind: "danger", cancel: () => close(), submit: async given => {
	await api.post("/account/totp/off/", given);
	close();
	reload();
	told("The password alone is enough now.");
}}));

export async function show({session}) {
	const login = h("div");
	const mySessions = sessions();
	const myTokens = tokens();
	const loadLogin = () => fill(login, async () => {
		const me = await api.get("/account/");
		return h("div", h("p", me.totp ? "One-time codes are on." : "One-time codes are off."), h("div", {class: "buttons"},
			h("button", {type: "button", onclick: () => newPassword(mySessions.reload)}, "Change password"),
			me.totp ? h("button", {type: "button", onclick: () => codesOff(loadLogin)}, "Turn codes off") : action("Turn codes on", () => codesOn(loadLogin))));
	});
	await Promise.all([loadLogin(), mySessions.ready, myTokens.ready]);
	return h("div", h("h1", session.user), h("p", {class: "faint"}, `Role: ${session.role}`),
		h("section", {class: "card"}, h("h2", "Look"), lookForm()),
		h("section", {class: "card"}, h("h2", "Login"), login),
		h("section", {class: "card"}, h("h2", "Sessions"), mySessions),
		h("section", {class: "card"}, h("div", {class: "head"}, h("h2", "API tokens"), h("button", {type: "button", onclick: () => newToken(myTokens.reload)}, "New token")), myTokens));
}
