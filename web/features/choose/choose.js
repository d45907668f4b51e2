/** Choosing by what things are and what they hang on. */

import { Node } from "../../core/graph.js";

/** @import { Feature } from "../../core/editor.js" */
/** @import { Graph } from "../../core/graph.js" */

/** @type {Feature} */
export const choose = {
  name: "choose",
  install(editor) {
    const { selection } = editor;
    const hasNodes = () => selection.nodes.length > 0;
    const real = () => [...editor.graph.nodes.values()];
    const stops = [
      editor.commands.addAll([
        { id: "select.invert", title: "command.select-invert", keys: ["ctrl+i"], run: () => selection.set(real().filter((node) => !selection.has(node))) },
        { id: "select.sources", title: "command.select-sources", when: hasNodes, run: () => selection.set(connected(editor.graph, selection.nodes, "up")) },
        { id: "select.targets", title: "command.select-targets", when: hasNodes, run: () => selection.set(connected(editor.graph, selection.nodes, "down")) },
        { id: "select.connected", title: "command.select-connected", when: hasNodes, run: () => selection.set(connected(editor.graph, selection.nodes, "both")) },
        { id: "select.same-type", title: "command.select-same-type", when: hasNodes, run: () => {
          const types = new Set(selection.nodes.map((node) => node.type));
          selection.set(real().filter((node) => types.has(node.type)));
        } },
      ]),
      editor.addMenu(45, ({ hit }) => {
        if (hit.kind === "empty") return [{ title: "menu.select", children: ["select.all", "select.none", "select.invert"].map((id) => editor.menuItem(id)) }];
        if (!("node" in hit) || hit.kind === "input" || hit.kind === "output") return [];
        return [{ title: "menu.select", children: ["select.connected", "select.sources", "select.targets", "select.same-type", "select.invert"].map((id) => editor.menuItem(id)) }];
      }),
    ];
    return () => stops.forEach((stop) => stop());
  },
};

/**
 * Nodes with all that feeds them, all that they feed, or all that hangs together with them.
 * @param {Graph} graph
 * @param {Node[]} nodes
 * @param {"up" | "down" | "both"} way
 * @returns {Node[]}
 */
export function connected(graph, nodes, way) {
  const found = new Set(nodes);
  for (const node of found) { // a set is walked over what is added to it meanwhile, too
    for (const link of graph.linksOf(node)) {
      const isFeed = String(link.to) === node.key;
      if (way !== "both" && isFeed !== (way === "up")) continue;
      const other = graph.node(isFeed ? link.from : link.to);
      if (other && graph.nodes.get(other.key) === other) found.add(other);
    }
  }
  return [...found];
}
