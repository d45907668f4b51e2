/** Groups: made around what is chosen, fitted, muted, bypassed, coloured, taken away with or without what they hold. */

import { COLOURS } from "../../core/colours.js";
import { BYPASSED, Group, MUTED, Node, Reroute } from "../../core/graph.js";
import { fitGroup, frameAround } from "../../core/group-frames.js";

/** @import { Editor, Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const groups = {
  name: "groups",
  needs: ["rename", "node-state"],
  install(editor) {
    const { selection, view } = editor;
    /** @param {Group} group @returns {Node[]} */
    const nodesIn = (group) => /** @type {Node[]} */ (view.insideOf(group).filter((each) => each instanceof Node && editor.graph.nodes.get(each.key) === each));

    function make() {
      const box = frameAround(editor.view, selection.all);
      const center = view.toGraph(view.width / 2, view.height / 2);
      const { left, top, right, bottom } = box ?? { left: center.x - 150, top: center.y - 100, right: center.x + 150, bottom: center.y + 100 };
      const id = Math.max(0, ...editor.graph.groups.map((each) => each.id ?? 0)) + 1;
      const group = new Group(id, editor.text("groups.name"), left, top, right - left, bottom - top);
      group.color = COLOURS[4].group;
      editor.edit("undo.group", () => editor.graph.addGroup(group));
      selection.set([group]);
      editor.services.rename?.(group);
    }

    /** @param {Group[]} some */
    function fit(some) {
      editor.edit("undo.fit-group", () => {
        for (const group of some) fitGroup(editor, group, view.insideOf(group));
      });
    }

    /** @param {Group} group @param {boolean} withContents */
    function remove(group, withContents) {
      editor.edit("undo.delete", () => {
        if (withContents) {
          const inside = view.insideOf(group);
          editor.graph.removeNodes(inside.filter((each) => each instanceof Node));
          for (const each of inside) {
            if (each instanceof Group) editor.graph.removeGroup(each);
            else if (each instanceof Reroute && editor.graph.reroutes.get(each.id) === each) editor.graph.removeReroute(each);
          }
        }
        editor.graph.removeGroup(group);
      });
      selection.clear();
    }

    const stops = [
      editor.commands.addAll([
        { id: "group.make", title: "command.group", keys: ["ctrl+g"], run: make },
        { id: "group.fit", title: "command.fit-group", when: () => selection.groups.length > 0, run: () => fit(selection.groups) },
        { id: "group.choose", title: "command.choose-group-contents", when: () => selection.groups.length > 0, run: () => selection.set(selection.groups.flatMap((group) => view.insideOf(group))) },
        { id: "group.bypass", title: "command.bypass-group", when: () => selection.groups.length > 0, run: () => editor.services.nodeState?.toggleMode(selection.groups.flatMap(nodesIn), BYPASSED) },
        { id: "group.mute", title: "command.mute-group", when: () => selection.groups.length > 0, run: () => editor.services.nodeState?.toggleMode(selection.groups.flatMap(nodesIn), MUTED) },
        { id: "group.delete-all", title: "command.delete-group-contents", when: () => selection.groups.length > 0, run: () => editor.edit("undo.delete", () => selection.groups.forEach((group) => remove(group, true))) },
      ]),
      editor.addMenu(30, ({ hit }) => {
        if (hit.kind === "empty" || ("node" in hit && hit.kind !== "input" && hit.kind !== "output")) return [editor.menuItem("group.make")];
        if (hit.kind !== "group" && hit.kind !== "group-title" && hit.kind !== "group-resize") return [];
        const { group } = hit;
        const inside = nodesIn(group);
        return [
          { title: "menu.rename", run: () => editor.services.rename?.(group) },
          { title: "menu.colour", children: [
            { title: "colour.none", run: () => editor.edit("undo.colour", () => editor.graph.setGroup(group, "color", undefined)) },
            ...COLOURS.map((each) => ({ title: each.key, colour: each.group, run: () => editor.edit("undo.colour", () => editor.graph.setGroup(group, "color", each.group)) })),
          ] },
          { title: "command.fit-group", isDisabled: !inside.length, run: () => fit([group]) },
          { title: "command.choose-group-contents", isDisabled: !view.insideOf(group).length, run: () => selection.set(view.insideOf(group)) },
          { title: "command.bypass-group", isDisabled: !inside.length, isChecked: inside.length > 0 && inside.every((each) => each.mode === BYPASSED), run: () => editor.services.nodeState?.toggleMode(nodesIn(group), BYPASSED) },
          { title: "command.mute-group", isDisabled: !inside.length, isChecked: inside.length > 0 && inside.every((each) => each.mode === MUTED), run: () => editor.services.nodeState?.toggleMode(nodesIn(group), MUTED) },
          { title: "command.pin", isChecked: Boolean(group.flags.pinned), run: () => editor.services.nodeState?.toggleFlag([group], "pinned") },
          "line",
          { title: "menu.delete-group", run: () => remove(group, false) },
          { title: "command.delete-group-contents", run: () => remove(group, true) },
        ];
      }),
    ];
    return () => stops.forEach((stop) => stop());
  },
};
