/** What nodes are: bypassed, muted, pinned, folded, coloured, shaped, made anew. */

import { COLOURS } from "../../core/colours.js";
import { BYPASSED, MUTED, Node, NORMAL } from "../../core/graph.js";
import { recreate } from "./recreate.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Group } from "../../core/graph.js" */
/** @import { MenuItem } from "../../core/shell.js" */

const SHAPES = [
  { key: "shape.default", value: undefined },
  { key: "shape.box", value: 1 },
  { key: "shape.round", value: 2 },
  { key: "shape.card", value: 4 },
];

/**
 * All get it, or lose it if all have it. One step of undo.
 * @typedef {object} NodeStateService
 * @property {(nodes: Node[], mode: number) => void} toggleMode
 * @property {(things: (Node | Group)[], flag: string) => void} toggleFlag
 */

/** @type {Feature} */
export const nodeState = {
  name: "node-state",
  install(editor) {
    const { selection, commands } = editor;
    /** Nodes that can be changed: the ends of a subgraph cannot. */
    const nodes = () => selection.nodes.filter((node) => editor.graph.nodes.get(node.key) === node);
    const hasNodes = () => nodes().length > 0;

    const stops = [
      editor.offer("nodeState", {
        toggleMode: (some, mode) => toggleMode(editor, some, mode),
        toggleFlag: (some, flag) => toggleFlag(editor, some, flag),
      }),
      commands.addAll([
        { id: "node.bypass", title: "command.bypass", keys: ["ctrl+b"], when: hasNodes, run: () => toggleMode(editor, nodes(), BYPASSED) },
        { id: "node.mute", title: "command.mute", keys: ["ctrl+m"], when: hasNodes, run: () => toggleMode(editor, nodes(), MUTED) },
        { id: "node.pin", title: "command.pin", keys: ["p"], when: () => hasNodes() || selection.groups.length > 0, run: () => toggleFlag(editor, [...nodes(), ...selection.groups], "pinned") },
        { id: "node.collapse", title: "command.collapse", keys: ["alt+c"], when: hasNodes, run: () => toggleFlag(editor, nodes(), "collapsed") },
        { id: "node.recreate", title: "command.recreate-node", when: () => nodes().some((node) => node.spec !== null), run: () => {
          const made = editor.edit("undo.recreate", () => nodes().map((node) => recreate(editor.graph, node)));
          selection.set(made);
        } },
        { id: "node.fit-size", title: "command.fit-size", when: hasNodes, run: () => editor.edit("undo.resize", () => {
          for (const node of nodes()) {
            editor.graph.setNode(node, "width", 0);
            editor.graph.setNode(node, "height", 0);
          }
        }) },
        { id: "node.properties", title: "command.node-properties", when: hasNodes, run: async () => {
          const { openProperties } = await import("./properties.js");
          openProperties(editor, nodes()[0]);
        } },
      ]),
      editor.addMenu(20, ({ hit }) => {
        if (!("node" in hit) || hit.kind === "input" || hit.kind === "output" || !hasNodes()) return [];
        const [first] = nodes();
        return [
          { ...editor.menuItem("edit.rename"), text: editor.text("menu.rename") },
          { ...editor.menuItem("node.bypass"), isChecked: nodes().every((each) => each.mode === BYPASSED) },
          { ...editor.menuItem("node.mute"), isChecked: nodes().every((each) => each.mode === MUTED) },
          { ...editor.menuItem("node.pin"), isChecked: nodes().every((each) => each.isPinned) },
          { ...editor.menuItem("node.collapse"), isChecked: nodes().every((each) => each.isCollapsed) },
          { title: "menu.colour", children: coloursMenu(editor) },
          { title: "menu.shape", children: SHAPES.map(({ key, value }) => ({ title: key, isChecked: first.shape === value, run: () => editor.edit("undo.shape", () => nodes().forEach((node) => editor.graph.setNode(node, "shape", value))) })) },
          { title: "menu.more", children: ["node.fit-size", "node.recreate", "node.take-out", "node.properties"].map((id) => editor.menuItem(id)) },
        ];
      }),
    ];
    return () => stops.forEach((stop) => stop());
  },
};

/** @param {Editor} editor @returns {MenuItem[]} */
function coloursMenu(editor) {
  const { selection, graph } = editor;
  /** @param {typeof COLOURS[number] | null} colour */
  const paint = (colour) => () => editor.edit("undo.colour", () => {
    for (const node of selection.nodes) {
      graph.setNode(node, "color", colour?.title);
      graph.setNode(node, "bgcolor", colour?.body);
    }
    for (const group of selection.groups) graph.setGroup(group, "color", colour?.group);
  });
  const own = async () => {
    const { askColour } = await import("./properties.js");
    const given = await askColour(editor, selection.nodes[0]?.bgcolor ?? "#335533");
    if (given) paint({ key: "", title: given, body: given, group: given })();
  };
  return [
    { title: "colour.none", run: paint(null) },
    ...COLOURS.map((each) => ({ title: each.key, colour: each.group, run: paint(each) })),
    { title: "colour.own", run: own },
  ];
}

/** @param {Editor} editor @param {Node[]} nodes @param {number} mode */
function toggleMode(editor, nodes, mode) {
  const next = nodes.every((node) => node.mode === mode) ? NORMAL : mode;
  editor.edit(mode === MUTED ? "undo.mute" : "undo.bypass", () => nodes.forEach((node) => editor.graph.setNode(node, "mode", next)));
}

/** @param {Editor} editor @param {(Node | Group)[]} things @param {string} flag */
function toggleFlag(editor, things, flag) {
  const isSet = things.every((each) => each.flags[flag]);
  editor.edit(`undo.${flag}`, () => {
    for (const thing of things) {
      const { [flag]: _, ...rest } = thing.flags;
      const flags = isSet ? rest : { ...rest, [flag]: true };
      if (thing instanceof Node) editor.graph.setNode(thing, "flags", flags);
      else editor.graph.setGroup(thing, "flags", flags);
    }
  });
}
