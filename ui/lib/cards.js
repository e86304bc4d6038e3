// Cards of a list that is looked at again whenever something happens. Each stays where it is, and of it only what has changed is made anew: nobody's
// press goes to a button that is no more.
import {h, replace} from "./dom.js";

// Gives (items) -> their cards. An item is known by its id. title(item) and says(item) stand above the buttons, and below them, in place(item), what
// buttons(item) bring. The item that they get is always as it was last seen; they are made anew only when on(item) is another.
export function cards({title, says, buttons, on = () => null}) {
	const all = new Map();
	const cardOf = id => {
		if (!all.has(id)) {
			const [head, said, row, place] = [h("div", {class: "head"}), h("div"), h("div", {class: "buttons"}), h("div", {"aria-live": "polite"})];
			all.set(id, {item: {}, head, said, row, place, element: h("section", {class: "card"}, head, said, row, place)});
		}
		return all.get(id);
	};
	const draw = items => items.map(item => {
		const c = cardOf(item.id);
		const [seen, depends] = [JSON.stringify(item), JSON.stringify(on(item))];
		Object.assign(c.item, item);
		if (c.seen !== seen) {
			replace(c.head, title(item));
			replace(c.said, says(item));
		}
		if (c.depends !== depends)
			replace(c.row, buttons(c.item));
		Object.assign(c, {seen, depends});
		return c.element;
	});
	draw.place = item => cardOf(item.id).place;
	return draw;
}
