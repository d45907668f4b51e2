/** Choosing one of the subgraphs that are kept for reuse. */

import { CLOSE, h, icon } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Blueprint, Blueprints } from "./blueprints.js" */

/** @param {Editor} editor @param {Blueprints} blueprints */
export async function chooseBlueprint(editor, blueprints) {
  const all = await blueprints.load();
  const view = editor.view;
  const place = view.pointer.last ?? view.toGraph(view.width / 2, view.height / 2);
  await editor.shell.dialog(editor.text("command.subgraph-insert"), (body, close) => {
    const search = h("input", { type: "search", autofocus: true, "aria-label": editor.text("subgraph.search"), placeholder: editor.text("subgraph.search") });
    const list = h("ul", { class: "subgraph-list" });
    /** @param {Blueprint} each */
    const insert = (each) => {
      close();
      try {
        const node = editor.edit("undo.subgraph-insert", () => each.insert(editor.graph, { x: place.x, y: place.y }));
        if (node) editor.selection.set([node]);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        editor.shell.note(editor.text("subgraph.in-itself", { name: each.title }), { kind: "error" });
      }
    };
    const draw = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fitting = all.filter((each) => words.every((word) => `${each.title} ${each.category} ${each.name} ${each.doc}`.toLowerCase().includes(word)));
      list.replaceChildren(...fitting.map((each) => h("li", {},
        h("button", { type: "button", class: "subgraph-entry", on: { click: () => insert(each) } }, h("strong", {}, each.title), h("span", {}, each.doc || each.category)),
        each.isOwn && h("button", { type: "button", class: "quiet", on: { click: async () => { await blueprints.remove(each); all.splice(all.indexOf(each), 1); draw(); } }, "aria-label": editor.text("subgraph.forget", { name: each.title }), title: editor.text("subgraph.forget", { name: each.title }) }, icon(CLOSE)))));
      if (!fitting.length) list.append(h("li", { class: "subgraph-none" }, editor.text("subgraph.none")));
    };
    search.addEventListener("input", draw);
    draw();
    body.append(search, list);
  });
}
