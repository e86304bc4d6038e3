// Forms from descriptions of their fields; errors of the server stand at the field they are about.
import {h, uid} from "./dom.js";
import {problem} from "./told.js";

// {name, label, type, help, required, value, choices: [[value, text]], placeholder, autocomplete, min, max, rows, show(values), group: a heading above it}
function control(field, id, helpId) {
	const common = {id, name: field.name, required: field.required, "aria-describedby": field.help ? helpId : null, autocomplete: field.autocomplete || "off"};
	if (field.type === "select")
		return h("select", common, field.choices.map(([value, text]) => h("option", {value, selected: String(field.value ?? "") === String(value)}, text)));
	if (field.type === "textarea" || field.type === "lines")
		return h("textarea", {...common, rows: field.rows || 4, spellcheck: "false", value: field.value ?? ""});
	if (field.type === "checkbox")
		return h("input", {...common, type: "checkbox", checked: Boolean(field.value)});
	return h("input", {...common, type: field.type || "text", value: field.value ?? "", placeholder: field.placeholder, min: field.min, max: field.max,
		minlength: field.minlength, maxlength: field.maxlength, inputmode: field.inputmode, spellcheck: "false"});
}

function several(field, id) {
	return h("fieldset", {id, class: "several", "aria-describedby": field.help ? `${id}-help` : null}, h("legend", field.label), field.help && h("p", {class: "help", id: `${id}-help`}, field.help),
		field.choices.length ? field.choices.map(([value, text]) => {
			const box = uid("box");
			return h("div", {class: "check"}, h("input", {type: "checkbox", id: box, name: field.name, value, checked: (field.value || []).includes(value)}), h("label", {for: box}, text));
		}) : h("p", {class: "faint"}, field.empty || "there are none yet"));
}

function row(field) {
	const id = uid("field");
	const helpId = `${id}-help`;
	if (field.type === "several")
		return h("div", {class: "field", dataset: {field: field.name}}, several(field, id));
	const input = control(field, id, helpId);
	const label = h("label", {for: id}, field.label, field.required && h("span", {class: "faint", "aria-hidden": "true"}, " *"));
	const help = field.help && h("p", {class: "help", id: helpId}, field.help);
	if (field.type === "checkbox")
		return h("div", {class: "field check", dataset: {field: field.name}}, input, label, help);
	return h("div", {class: "field", dataset: {field: field.name}}, label, input, help);
}

export function values(form, fields) {
	const result = {};
	for (const field of fields) {
		if (field.type === "several")
			result[field.name] = [...form.querySelectorAll(`input[name="${CSS.escape(field.name)}"]:checked`)].map(box => box.value);
		else if (field.type === "checkbox")
			result[field.name] = form.elements[field.name].checked;
		else if (field.type === "number")
			result[field.name] = form.elements[field.name].value === "" ? undefined : Number(form.elements[field.name].value);
		else if (field.type === "lines")
			result[field.name] = form.elements[field.name].value.split("\n").map(s => s.trim()).filter(Boolean);
		else
			result[field.name] = form.elements[field.name].value;
	}
	return result;
}

function describe(input, ids) {
	if (ids.length)
		input.setAttribute("aria-describedby", ids.join(" "));
	else
		input.removeAttribute("aria-describedby");
}

const describedBy = input => (input.getAttribute("aria-describedby") || "").split(" ").filter(Boolean);

function clearProblem(form) {
	const box = form.querySelector(".problem");
	for (const marked of form.querySelectorAll("[aria-invalid]")) {
		marked.removeAttribute("aria-invalid");
		describe(marked, describedBy(marked).filter(id => id !== box?.id));
	}
	box?.remove();
}

function showProblem(form, error) {
	clearProblem(form);
	const place = error.field ? form.querySelector(`[data-field="${CSS.escape(error.field)}"]:not([hidden])`) : null;
	const box = problem(error);
	const input = place?.querySelector("input, select, textarea");
	if (input) {
		box.id = `${input.id}-problem`;
		input.setAttribute("aria-invalid", "true");
		describe(input, [...describedBy(input), box.id]);
		place.append(box);
		input.focus();
	} else {
		form.querySelector(".buttons").before(box);
		box.scrollIntoView({block: "nearest"});
	}
}

// Fields that depend on others are there, and asked for, only while their show(values) is true.
function arrange(form, fields) {
	const now = values(form, fields);
	for (const field of fields.filter(f => f.show)) {
		const shown = field.show(now);
		for (const element of form.querySelectorAll(`[data-field="${CSS.escape(field.name)}"], [data-of="${CSS.escape(field.name)}"]`))
			element.hidden = !shown;
		if (field.required)
			form.elements[field.name].required = shown;
	}
}

// submit(values) does the work; what it throws is shown. Fields that are hidden are left out.
export function form(fields, {submit, button = "Save", cancel = null, kind = "main", extra = null}) {
	const send = h("button", {type: "submit", class: kind}, button);
	const element = h("form", {novalidate: false, onsubmit: async e => {
		e.preventDefault();
		clearProblem(element);
		send.disabled = true;
		send.setAttribute("aria-busy", "true");
		try {
			const given = values(element, fields);
			for (const field of fields)
				if (field.show && !field.show(given))
					delete given[field.name];
			await submit(given, element);
		} catch (error) {
			if (error.name !== "AbortError")
				showProblem(element, error);
		}
		send.disabled = false;
		send.removeAttribute("aria-busy");
	}, oninput: () => arrange(element, fields), onchange: () => arrange(element, fields)},
	fields.map(f => [f.group && h("h3", {class: "group", dataset: {of: f.name}}, f.group), row(f)]), extra,
	h("div", {class: "buttons"}, send, cancel && h("button", {type: "button", onclick: cancel}, "Cancel")));
	arrange(element, fields);
	return element;
}
