/** The way from the workflow to the subgraph that is shown, in a line below the bar. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */

/** @param {Editor} editor @returns {() => void} takes it away */
export function showPath(editor) {
  const bar = h("nav", { class: "subgraph-path", "aria-label": editor.text("subgraph.path"), hidden: true });
  editor.shell.bar.after(bar);
  const draw = () => {
    const { path } = editor;
    bar.hidden = !path.length;
    if (!path.length) return bar.replaceChildren();
    const steps = [editor.services.workflows.stateOf(editor.document).name, ...path.map((node) => node.name)];
    const list = h("ol", {}, steps.map((name, i) => h("li", {}, i === path.length
      ? h("span", { "aria-current": "page" }, name)
      : h("button", { type: "button", class: "quiet", on: { click: () => go(editor, i) } }, name))));
    bar.replaceChildren(list, h("button", { type: "button", class: "subgraph-leave", on: { click: () => editor.commands.run("subgraph.leave") } }, editor.text("command.subgraph-leave")));
    return undefined;
  };
  const stops = [editor.events.on("graph", draw), editor.events.on("document", draw), editor.events.on("change", draw)];
  draw();
  return () => {
    for (const stop of stops) stop();
    bar.remove();
  };
}

/** @param {Editor} editor @param {number} depth */
function go(editor, depth) {
  const node = editor.path[depth];
  editor.enter(editor.path.slice(0, depth));
  if (node && editor.graph.node(node.id) === node) editor.selection.set([node]);
  editor.view.element.focus({ preventScroll: true });
}
