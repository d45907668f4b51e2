/** The shelf of workflows, large, with pictures: what a person sees who looks for something to begin with. */

import { h } from "../../core/dom.js";
import { nameWithFolders } from "./files.js";
import { aboutOf, lackOf, titleOf } from "./panel.js";
import { sketch } from "./sketch.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

/**
 * @param {Editor} editor
 * @param {Files} files
 * @param {"mine" | "examples"} [shelf]
 */
export async function showBrowser(editor, files, shelf = "examples") {
  const [all, own] = await Promise.all([editor.server.get("/heddle/workflows"), editor.server.get("/heddle/files/workflows")]);
  await editor.shell.dialog(editor.text("workflows.shelf"), (body, close) => {
    const cards = h("div", { class: "cards" });
    const search = h("input", { type: "search", placeholder: editor.text("workflows.search"), "aria-label": editor.text("workflows.search") });
    /** @param {"mine" | "examples"} which */
    const tab = (which) => h("button", { type: "button", "aria-pressed": String(which === shelf), on: { click: () => { shelf = which; render(); } } }, editor.text(`workflows.${which}`));
    const head = h("div", { class: "panel-tools" });

    const render = () => {
      head.replaceChildren(tab("examples"), tab("mine"), search);
      const wanted = search.value.trim().toLowerCase();
      const found = shelf === "mine"
        ? own.workflows.map((/** @type {any} */ each) => ({
          title: nameWithFolders(each.path), path: each.path, picture: each.thumbnail,
          note: lackOf(editor, all.find((/** @type {any} */ one) => one.source === "user" && one.name === nameWithFolders(each.path))), open: () => files.openPath(each.path),
        }))
        : all.filter((/** @type {any} */ each) => each.source !== "user").map((/** @type {any} */ each) => ({
          title: titleOf(editor, each), name: each.name, about: aboutOf(editor, each), note: lackOf(editor, each),
          picture: each.thumbnail ?? `/templates/${encodeURIComponent(each.name)}-1.webp`, open: () => files.openExample(each.name),
        }));
      cards.replaceChildren(...found.filter((/** @type {any} */ each) => `${each.title} ${each.name ?? ""} ${each.about ?? ""}`.toLowerCase().includes(wanted)).map((/** @type {any} */ each) => {
        const picture = h("div", { class: "card-picture" });
        if (each.picture) {
          const image = h("img", { src: each.picture, alt: "", loading: "lazy" });
          image.addEventListener("error", () => void draw(each, picture));
          picture.append(image);
        } else {
          void draw(each, picture);
        }
        return h("button", { type: "button", class: "card", on: { click: async () => {
          close();
          await each.open().catch((/** @type {unknown} */ error) => editor.report(error));
        } } }, picture, h("span", { class: "card-title" }, each.title), each.about && h("span", { class: "row-note" }, each.about), each.note && h("span", { class: "row-note" }, each.note));
      }));
      if (!cards.children.length) cards.append(h("p", { class: "faint" }, editor.text("workflows.none-found")));
    };
    search.addEventListener("input", render);
    body.append(head, cards);
    render();
  }, { kind: "dialog-wide" });

  /** @param {any} each @param {HTMLElement} picture */
  async function draw(each, picture) {
    const address = each.name ? `/heddle/workflows/${encodeURIComponent(each.name)}` : `/heddle/files/workflows/${encodeURIComponent(each.path)}`;
    const saved = await editor.server.get(address).catch(() => null);
    picture.replaceChildren(sketch(saved, { width: 220, height: 150 }));
  }
}
