/**
 * Nodes in the language of the page: those that are built in by a file beside the page's texts, others in the words that
 * their packs bring along. What has none keeps its English name.
 */

import { mergeWords } from "../../core/words.js";

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
  const [told, own] = await Promise.all([editor.server.get("/i18n"), locale === "en" ? {} : ownWords(locale)]);
  // Packs have files for "zh" where the page has "zh-CN".
  const definitions = [own, ...["en", locale.split("-")[0], locale].map((name) => told?.[name]?.nodeDefs)];
  if (!isWanted() || !definitions.some((each) => each && Object.keys(each).length)) return;
  editor.catalogue.translate(mergeWords(definitions));
  editor.view.touchAll();
  editor.events.emit("catalogue", null);
}

/** @param {string} locale @returns {Promise<Record<string, import("../../core/words.js").Words>>} */
async function ownWords(locale) {
  return (await fetch(new URL(`../../locales/nodes.${locale}.json`, import.meta.url))).json();
}
