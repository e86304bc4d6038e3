// Logging in, and making the first admin with the one-time link.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {form} from "../lib/form.js";

const NAME = {name: "name", label: "Name", required: true, autocomplete: "username", maxlength: 64};
const PASSWORD = {name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password"};

// A code is asked for only when the server wants one.
export function loginForm(done, user = "") {
	const code = {name: "code", label: "One-time code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6, show: () => wanted};
	let wanted = false;
	return form([{...NAME, value: user}, PASSWORD, code], {button: "Log in", submit: async (given, element) => {
		try {
			done(await api.post("/session/", given, {plain: true}));
		} catch (error) {
			if (!wanted && error.problem?.code_needed) {
				wanted = true;
				element.dispatchEvent(new Event("input"));
				element.elements.code.focus();
			}
			throw error;
		}
	}});
}

function setupForm(link, done) {
	const fields = [
		{...NAME, help: "What you are called here: letters, digits, . _ - @"},
		{...PASSWORD, autocomplete: "new-password", minlength: 10, help: "At least 10 characters. A few words that nobody else would put together are good."},
		{name: "again", label: "Password once more", type: "password", required: true, autocomplete: "new-password"},
	];
	return form(fields, {button: "Make the first account", submit: async ({name, password, again}) => {
		if (password !== again)
			throw Object.assign(new Error("the two passwords differ"), {field: "again"});
		done(await api.post("/setup/", {link, name, password}, {plain: true}));
	}});
}

export function show({setup, needed, done}) {
	const first = setup !== null;
	return h("section", {class: "door"},
		h("img", {src: "/ui/icon.svg", alt: "", width: 56, height: 56}),
		h("h1", first ? "Welcome to Backstay" : "Backstay"),
		first && h("p", "Make the account that looks after this installation. Then a first backup takes two minutes."),
		first ? setupForm(setup, done) : needed ? h("p", "Nobody has an account yet. Open the link that ", h("code", "backstay serve"), " wrote when it began: it makes the first one.") : loginForm(done),
		!first && !needed && h("p", {class: "faint"}, "Forgotten? On the machine itself: ", h("code", "backstay user passwd NAME")));
}
