/** Goes back to where one was looking before a jump, and forth again. */

/** @import { Feature } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Point } from "../../core/view/links.js" */

/** @typedef {{path: Node[], scale: number, offset: Point}} Look */

const STILL_MS = 400; // a view that stayed that long was looked at
const DEPTH = 50;

/** @type {Feature} */
export const lookBack = {
  name: "look-back",
  install(editor) {
    const { view } = editor;
    /** @type {WeakMap<object, {back: Look[], forth: Look[], here: Look}>} by document */
    const histories = new WeakMap();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const now = () => ({ path: [...editor.path], scale: view.scale, offset: { ...view.offset } });

    function historyNow() {
      let found = histories.get(editor.document);
      if (!found) histories.set(editor.document, (found = { back: [], forth: [], here: now() }));
      return found;
    }

    /** Remembers the place that was left, if the one now is far enough from it to be another one. */
    function settle() {
      timer = undefined;
      const history = historyNow();
      const next = now();
      if (!isElsewhere(history.here, next)) {
        history.here = next;
        return;
      }
      history.back.push(history.here);
      if (history.back.length > DEPTH) history.back.shift();
      history.forth = [];
      history.here = next;
    }

    /** @param {Look} one @param {Look} other */
    function isElsewhere(one, other) {
      if (one.path.at(-1) !== other.path.at(-1)) return true;
      const ratio = one.scale / other.scale;
      if (ratio > 1.5 || ratio < 1 / 1.5) return true;
      const x = (view.width / 2 - one.offset.x) / one.scale - (view.width / 2 - other.offset.x) / other.scale;
      const y = (view.height / 2 - one.offset.y) / one.scale - (view.height / 2 - other.offset.y) / other.scale;
      return Math.abs(x * other.scale) > view.width / 2 || Math.abs(y * other.scale) > view.height / 2;
    }

    /** @param {"back" | "forth"} way */
    function go(way) {
      if (timer !== undefined) {
        clearTimeout(timer);
        settle();
      }
      const history = historyNow();
      const look = history[way].pop();
      if (!look) return;
      history[way === "back" ? "forth" : "back"].push(history.here);
      if (look.path.at(-1) !== editor.path.at(-1) && look.path.every((node) => node.graph.node(node.id) === node)) editor.enter(look.path);
      history.here = look; // before the view moves: this is no new place
      view.moveTo(look.scale, look.offset);
    }

    const stops = [
      view.events.on("move", () => {
        historyNow();
        clearTimeout(timer);
        timer = setTimeout(settle, STILL_MS);
      }),
      editor.commands.addAll([
        { id: "view.back", title: "command.view-back", keys: ["alt+z"], run: () => go("back") },
        { id: "view.forth", title: "command.view-forth", keys: ["alt+shift+z"], run: () => go("forth") },
      ]),
    ];
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  },
};
