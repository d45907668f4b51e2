/**
 * Nodes and their menus in the language of the page: those that are built in by files beside the page's texts, others in
 * the words that their packs bring along; and what the server says, and notes of the workflows that ship. What has no
 * words there stays in English.
 */

import { mergeMenus, mergeWords } from "../../core/words.js";

/** @import { Editor, Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const translations = {
  name: "translations",
  install(editor) {
    let isWanted = true;
    void load(editor, () => isWanted).catch((error) => console.info("words of packs", error)); // English names are as good
    return () => (isWanted = false);
  },
};

/** @param {Editor} editor @param {() => boolean} isWanted */
async function load(editor, isWanted) {
  const { locale } = editor.messages;
  const own = /** @type {const} */ (["nodes", "categories", "server", "said", "notes"]).map((of) => (locale === "en" ? {} : ownWords(of, locale)));
  const [told, nodes, menus, sentences, said, notes] = await Promise.all([editor.server.get("/i18n"), ...own]);
  // Packs have files for "zh" where the page has "zh-CN".
  const packs = ["en", locale.split("-")[0], locale].map((name) => told?.[name]);
  const words = mergeWords([nodes, ...packs.map((each) => each?.nodeDefs)]);
  const names = mergeMenus([...packs.map((each) => each?.nodeCategories), menus]); // the page's own are the same for all packs
  if (!isWanted()) return;
  editor.messages.add(sentences);
  editor.messages.addSaid(said);
  editor.messages.addWhole(notes);
  if (!Object.keys(words).length && !Object.keys(names).length) return;
  editor.catalogue.translate(words, names);
  editor.view.touchAll();
  editor.events.emit("catalogue", null);
}

/** @param {"nodes" | "categories" | "server" | "said" | "notes"} of @param {string} locale @returns {Promise<Record<string, any>>} */
async function ownWords(of, locale) {
  return (await fetch(new URL(`../../locales/${of}.${locale}.json`, import.meta.url))).json();
}
