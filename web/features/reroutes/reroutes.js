/** Points that links run through: Alt and a click on a link adds one, dragging moves it. */

import { addPoint } from "../../core/linking.js";

/** @import { Feature } from "../../core/editor.js" */
/** @import { Link } from "../../core/graph.js" */

/** @type {Feature} */
export const reroutes = {
  name: "reroutes",
  install(editor) {
    const { view } = editor;
    /** @param {Link} link @param {{x: number, y: number}} at */
    const add = (link, at) => addPoint(editor.graph, link, view.pieceOf(link, at.x, at.y), { x: at.x, y: at.y });
    const stops = [
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
