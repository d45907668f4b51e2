/** Titles of nodes and groups, typed where they stand: by double-click on the title or by F2. */

import { h } from "../../core/dom.js";
import { Group, Node } from "../../core/graph.js";
import { GROUP_TITLE_HEIGHT } from "../../core/view/hits.js";
import { TITLE_HEIGHT } from "../../core/view/layout.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const rename = {
  name: "rename",
  install(editor) {
    const { view, selection } = editor;
    /** @type {() => void} */
    let close = () => {};

    /** @param {Node | Group} thing */
    function open(thing) {
      close();
      const { graph } = editor;
      const shown = thing instanceof Node ? thing.name : thing.title;
      const field = h("input", { type: "text", value: shown, "aria-label": editor.text("command.rename-node"), style: { position: "absolute", "min-height": 0, padding: "0 8px", border: "2px solid var(--accent)", "border-radius": "6px" } });
      let isOver = false;
      /** @param {boolean} isMeant */
      const end = (isMeant) => {
        if (isOver) return;
        isOver = true;
        const typed = field.value.trim();
        const hadFocus = document.activeElement === field;
        stop();
        field.remove();
        if (hadFocus) view.element.focus({ preventScroll: true });
        if (!isMeant || typed === shown) return;
        editor.edit("undo.rename", () => {
          if (thing instanceof Group) graph.setGroup(thing, "title", typed);
          // An empty title is the type's own again.
          else graph.setNode(thing, "title", typed && typed !== (thing.spec?.title ?? thing.type) ? typed : undefined);
        });
      };
      const place = () => {
        const box = thing instanceof Node ? view.layouts.boxOf(thing) : { left: thing.x, top: thing.y, right: thing.x + thing.width, bottom: 0 };
        const { x, y } = view.toScreen(box.left, box.top);
        const high = (thing instanceof Node ? TITLE_HEIGHT : GROUP_TITLE_HEIGHT) * view.scale;
        field.style.left = `${x}px`;
        field.style.top = `${y + Math.min(0, high - 24)}px`;
        field.style.width = `${Math.max(140, (box.right - box.left) * view.scale)}px`;
        field.style.height = `${Math.max(24, high)}px`;
        field.style.fontSize = `${Math.max(12, (thing instanceof Node ? 13 : 18) * view.scale)}px`;
      };
      const stop = view.events.on("move", place);
      field.addEventListener("keydown", (event) => {
        if (event.isComposing) return;
        event.stopPropagation();
        if (event.key === "Enter") end(true);
        else if (event.key === "Escape") end(false);
      });
      field.addEventListener("blur", () => end(true));
      editor.shell.over.append(field);
      place();
      field.select();
      field.focus();
      close = () => end(true);
    }

    const chosen = () => (selection.size === 1 ? [...selection.nodes, ...selection.groups][0] : undefined);
    const stops = [
      editor.offer("rename", open),
      view.events.on("double", ({ hit }) => {
        if (hit.kind === "title" && editor.graph.nodes.has(hit.node.key)) open(hit.node);
        else if (hit.kind === "group-title") open(hit.group);
      }),
      editor.events.on("graph", () => close()),
      editor.commands.add({ id: "edit.rename", title: "command.rename-node", keys: ["f2"], when: () => chosen() !== undefined, run: () => {
        const thing = chosen();
        if (thing) open(thing);
      } }),
    ];
    return () => {
      close();
      stops.forEach((stop) => stop());
    };
  },
};
