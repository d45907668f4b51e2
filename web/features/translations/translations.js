/** Nodes in the language of the page, in the words that packs bring along. What has none keeps its English name. */

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
  const told = await editor.server.get("/i18n");
  const { locale } = editor.messages;
  // Packs have files for "zh" where the page has "zh-CN".
  const definitions = ["en", locale.split("-")[0], locale].map((name) => told?.[name]?.nodeDefs);
  if (!isWanted() || !definitions.some((each) => each && Object.keys(each).length)) return;
  editor.catalogue.translate(mergeWords(definitions));
  editor.view.touchAll();
  editor.events.emit("catalogue", null);
}
