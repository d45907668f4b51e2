/**
 * Tells those who do not see the canvas what happens on it: what was chosen, what a step did, what was undone. The
 * canvas itself says how large the graph is and where to read it.
 */

import { keysText } from "../../core/editor.js";
import { Group, Link, Node } from "../../core/graph.js";
import { h } from "../../core/dom.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Document } from "../../core/document.js" */
/** @import { Entry } from "../../core/journal.js" */

const QUIET = new Set(["undo.value", "undo.seed"]); // whoever types a value hears the field

/** @type {Feature} */
export const announce = {
  name: "announce",
  needs: ["walk"], // whose keys it tells
  install(editor) {
    const { shell, view, events } = editor;
    const about = h("p", { class: "unseen", id: "canvas-about" });
    shell.stage.append(about);
    view.element.setAttribute("aria-describedby", about.id);
    const describe = () => {
      const [keys, leave] = ["walk.next", "walk.region"].map((id) => editor.commands.keysOf(id).slice(0, 1).map(keysText).join(""));
      about.textContent = editor.text("announce.canvas", { nodes: editor.graph.nodes.size, links: editor.graph.links.size, keys, leave });
    };
    /** @type {() => void} */
    let unfollow = () => {};
    /** @param {Document} document */
    const follow = (document) => {
      unfollow();
      const { journal } = document;
      const stops = [
        journal.events.on("commit", (entry) => {
          if (!QUIET.has(entry.label)) shell.say(editor.text("announce.done", { what: wordsOf(editor, entry) }), "change");
        }),
        journal.events.on("travel", ({ entry, direction }) => shell.say(editor.text(`announce.${direction}`, { what: wordsOf(editor, entry) }), "change")),
      ];
      unfollow = () => stops.forEach((stop) => stop());
    };
    const stops = [
      events.on("document", (document) => {
        follow(document);
        describe();
      }),
      events.on("workflow:saved", (document) => shell.say(editor.text("announce.saved", { name: editor.services.workflows.stateOf(document).name }), "file")),
      events.on("graph", describe),
      events.on("change", describe),
      editor.settings.events.on("keys", describe),
      events.on("selection", () => {
        const text = chosenIn(editor);
        if (text) shell.say(text, "selection");
      }),
    ];
    follow(editor.document);
    describe();
    return () => {
      unfollow();
      stops.forEach((stop) => stop());
      view.element.removeAttribute("aria-describedby");
      about.remove();
    };
  },
};

/** What a step did: how many nodes and links came or went, or its name. @param {Editor} editor @param {Entry} entry */
function wordsOf(editor, { label, steps }) {
  const name = editor.text(label);
  const count = { nodes: new Set(), links: new Set() };
  for (const step of steps) {
    if (step.kind !== "put" || (step.before !== undefined && step.after !== undefined)) continue;
    const thing = step.before ?? step.after;
    if (thing instanceof Node) count.nodes.add(thing);
    else if (thing instanceof Link) count.links.add(thing);
  }
  if (count.nodes.size === 1) return editor.text("announce.node", { step: name, name: [...count.nodes][0].name });
  if (count.nodes.size) return editor.text("announce.nodes", { step: name, count: count.nodes.size });
  if (count.links.size > 1) return editor.text("announce.links", { step: name, count: count.links.size });
  return name;
}

/** @param {Editor} editor */
function chosenIn({ selection, graph, messages }) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => messages.text(key, values);
  if (selection.size > 1) return t("announce.chosen-many", { count: selection.size });
  const [thing] = selection.all;
  if (thing instanceof Node) return t("announce.chosen", { name: thing.name, id: String(thing.id) });
  if (thing instanceof Group) return t("announce.chosen-group", { name: thing.title });
  if (thing instanceof Link) return t("announce.chosen-link", { from: graph.node(thing.from)?.name ?? "", to: graph.node(thing.to)?.name ?? "" });
  return "";
}
