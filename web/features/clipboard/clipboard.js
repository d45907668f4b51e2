/** Copy, cut, paste and duplicate: through the system's clipboard, so between tabs, windows and editors. */

import { isTextField } from "../../core/commands.js";
import { cornerOf, putPart, takePart } from "./records.js";
import { htmlOf, partIn, textOf } from "./texts.js";

/** @import { Feature } from "../../core/editor.js" */
/** @import { Group, Node } from "../../core/graph.js" */
/** @import { Part } from "./records.js" */

/**
 * @typedef {object} ClipboardService
 * @property {(withIncoming: boolean) => (Node | Group)[]} clone  a copy of what is chosen, at the same place; part of the
 *   caller's edit
 */

const STEP = 30; // how far beside the original a copy lies, graph px

/** @type {Feature} */
export const clipboard = {
  name: "clipboard",
  install(editor) {
    const { commands, view, selection } = editor;
    const stop = new AbortController();
    const { signal } = stop;
    let isShiftDown = false;
    /** What was copied here last, where the browser lets nobody read the system's. @type {string} */
    let lastText = "";
    let pastes = 0; // of what was copied last: each lies a little beside the one before

    const hasChosen = () => selection.nodes.length + selection.groups.length > 0;
    /** Whether a clipboard event is about the graph and not about a text. @param {ClipboardEvent} event */
    const isOurs = (event) => !event.defaultPrevented && !isTextField(event.target) && !editor.shell.isCovered && !(document.getSelection()?.toString());

    function chosenPart() {
      return takePart(editor.graph, selection.all);
    }

    /** @param {DataTransfer} data @returns {boolean} */
    function write(data) {
      if (!hasChosen()) return false;
      const part = chosenPart();
      if (!part.nodes.length && !part.groups.length) return false; // the ends of a subgraph are no nodes to be copied
      lastText = textOf(part);
      pastes = 0;
      data.setData("text/plain", lastText);
      data.setData("text/html", htmlOf(part));
      return true;
    }

    function cut() {
      const { nodes, groups } = selection;
      editor.edit("undo.cut", () => {
        editor.graph.removeNodes(nodes.filter((node) => !node.isPinned));
        for (const group of groups) editor.graph.removeGroup(group);
      });
      selection.clear();
    }

    /**
     * @param {Part} part
     * @param {boolean} withIncoming
     */
    function paste(part, withIncoming) {
      const corner = cornerOf(part);
      const { last } = view.pointer;
      const shift = STEP * pastes++;
      const at = last ? { x: last.x + shift, y: last.y + shift } : { x: corner.x + STEP + shift, y: corner.y + STEP + shift };
      put(part, { x: at.x - corner.x, y: at.y - corner.y }, withIncoming, "undo.paste");
    }

    /** @param {Part} part @param {{x: number, y: number}} by @param {boolean} withIncoming @param {string} label */
    function put(part, by, withIncoming, label) {
      const added = editor.edit(label, () => putPart(editor.graph, part, by, { withIncoming }));
      selection.set(added);
      if (added.length < part.nodes.length + part.groups.length) editor.shell.note(editor.text("clipboard.in-itself"), { kind: "error" });
    }

    /** @param {string} text @param {string} html @param {boolean} withIncoming @returns {boolean} */
    function take(text, html, withIncoming) {
      const part = partIn(text, html);
      if (part) {
        if (!part.nodes.length && !part.groups.length) return false; // a part of nothing is no workflow either
        if (!commands.isPossible("edit.paste")) return false; // no graph is seen
        paste(part, withIncoming);
        return true;
      }
      if (!text.trim().startsWith("{") && !/^\s*(Steps: |.*\nSteps: )/s.test(text)) return false; // neither a graph nor settings of a picture
      void open(text);
      return true;
    }

    /** @param {string} what  a workflow, or what carries one */
    async function open(what) {
      try {
        await editor.services.workflows.openAnything(what);
      } catch (error) {
        editor.report(error);
      }
    }

    addEventListener("keydown", (event) => (isShiftDown = event.shiftKey), { signal, capture: true });
    addEventListener("keyup", (event) => (isShiftDown = event.shiftKey), { signal, capture: true });
    document.addEventListener("copy", (event) => {
      if (isOurs(event) && event.clipboardData && write(event.clipboardData)) event.preventDefault();
    }, { signal });
    document.addEventListener("cut", (event) => {
      if (!isOurs(event) || !event.clipboardData || !write(event.clipboardData)) return;
      event.preventDefault();
      cut();
    }, { signal });
    document.addEventListener("paste", (event) => {
      const data = event.clipboardData;
      if (!data || !isOurs(event)) return;
      const files = [...data.files];
      if (files.length) {
        event.preventDefault();
        void editor.services.workflows.openFiles(files);
        return;
      }
      if (take(data.getData("text/plain"), data.getData("text/html"), isShiftDown)) event.preventDefault();
    }, { signal });

    /** The same from a menu. @param {boolean} isCut */
    async function copyByMenu(isCut) {
      const part = chosenPart();
      if (!part.nodes.length && !part.groups.length) return;
      lastText = textOf(part);
      pastes = 0;
      if (isCut) cut();
      await navigator.clipboard?.writeText(lastText); // pages of a plain http address have none: then for this page only
    }

    /** @param {boolean} withIncoming */
    async function pasteByMenu(withIncoming) {
      let text = lastText;
      try {
        text = (await navigator.clipboard?.readText()) || lastText;
      } catch {
        // the person or the browser forbids reading: what was copied on this page remains
      }
      if (!take(text, "", withIncoming)) editor.shell.note(editor.text("clipboard.nothing"));
    }

    /** @param {boolean} withIncoming */
    function duplicate(withIncoming) {
      put(chosenPart(), { x: STEP, y: STEP }, withIncoming, "undo.duplicate");
    }

    const takeService = editor.offer("clipboard", {
      clone: (withIncoming) => putPart(editor.graph, chosenPart(), { x: 0, y: 0 }, { withIncoming }),
    });
    const stopCommands = commands.addAll([
      { id: "edit.copy", title: "command.copy", keys: ["ctrl+c"], isNative: true, when: hasChosen, run: () => copyByMenu(false) },
      { id: "edit.cut", title: "command.cut", keys: ["ctrl+x"], isNative: true, when: hasChosen, run: () => copyByMenu(true) },
      { id: "edit.paste", title: "command.paste", keys: ["ctrl+v"], isNative: true, run: () => pasteByMenu(false) },
      { id: "edit.paste-linked", title: "command.paste-linked", keys: ["ctrl+shift+v"], isNative: true, run: () => pasteByMenu(true) },
      { id: "edit.duplicate", title: "command.duplicate", keys: ["ctrl+d"], when: hasChosen, run: () => duplicate(false) },
      { id: "edit.duplicate-linked", title: "command.duplicate-linked", keys: ["ctrl+shift+d"], when: hasChosen, run: () => duplicate(true) },
    ]);
    const stopMenu = editor.addMenu(10, ({ hit }) => {
      if ("node" in hit && hit.kind !== "input" && hit.kind !== "output") return ["edit.copy", "edit.cut", "edit.duplicate", "edit.duplicate-linked"].map((id) => editor.menuItem(id));
      if (hit.kind === "empty" || hit.kind === "group") return ["edit.paste", "edit.paste-linked"].map((id) => editor.menuItem(id));
      return [];
    });
    return () => {
      stop.abort();
      stopCommands();
      stopMenu();
      takeService();
    };
  },
};
