/**
 * Points that links run through: Alt and a click on a link adds one, dragging moves it. The middle button on a socket puts
 * a Reroute, which is a node, beside it.
 */

import { REROUTE } from "../../core/virtual.js";
import { addPoint, splice } from "../../core/linking.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Link } from "../../core/graph.js" */

/** @type {Feature} */
export const reroutes = {
  name: "reroutes",
  install(editor) {
    const { view } = editor;
    /** @param {Link} link @param {{x: number, y: number}} at */
    const add = (link, at) => addPoint(editor.graph, link, view.pieceOf(link, at.x, at.y), { x: at.x, y: at.y });
    const stops = [
      view.events.on("middle", ({ hit }) => {
        if (hit.kind === "input" || hit.kind === "output") addReroute(editor, { node: hit.node, side: hit.kind, slot: hit.slot });
      }),
      view.pointer.onPress(5, (press) => {
        const { hit } = press;
        if (press.button !== 0 || !press.alt || press.ctrl || hit.kind !== "link") return undefined;
        const gesture = editor.document.journal.begin("undo.add-reroute");
        const point = add(hit.link, press);
        editor.selection.set([point]);
        return {
          move(now) {
            editor.graph.setReroute(point, "x", now.x);
            editor.graph.setReroute(point, "y", now.y);
          },
          end: () => gesture.commit(),
          cancel() {
            gesture.cancel();
            editor.selection.clear();
          },
        };
      }),
      editor.addMenu(5, (press) => {
        const { hit } = press;
        if (hit.kind !== "link") return [];
        return [{ title: "menu.add-reroute", run: () => editor.edit("undo.add-reroute", () => editor.selection.set([add(hit.link, press)])) }];
      }),
      editor.addMenu(5, ({ hit }) => (hit.kind === "reroute"
        ? [{ title: "menu.delete-reroute", run: () => editor.edit("undo.delete", () => editor.graph.removeReroute(hit.reroute)) }]
        : [])),
    ];
    return () => stops.forEach((stop) => stop());
  },
};

const ASIDE = 60; // between a socket and the Reroute beside it, graph px

/** @param {Editor} editor @param {Socket} socket */
function addReroute(editor, { node, side, slot }) {
  const { graph, view } = editor;
  const { x, y } = view.pointOf({ node, side, slot });
  const added = editor.edit("undo.add-node", () => {
    const reroute = graph.addNode(REROUTE, { x: 0, y: 0 });
    const into = side === "input" ? graph.linkInto(node, slot) : null;
    if (into) splice(graph, reroute, into);
    else if (side === "input") graph.connect(reroute, 0, node, slot);
    else graph.connect(node, slot, reroute, 0);
    const own = side === "input" ? view.layouts.outputPoint(reroute, 0) : view.layouts.inputPoint(reroute, 0);
    graph.moveNode(reroute, Math.round(x + (side === "input" ? -ASIDE : ASIDE) - own.x), Math.round(y - own.y));
    return reroute;
  });
  editor.selection.set([added]);
}
