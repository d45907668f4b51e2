/** What the server says, in the page's language as far as that is known, else in its own words. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Messages } from "../../web/core/messages.js";

const NEAR = "; near to it: {names}";
const GONE = "there is no {name!r}{near}";

/** @param {Record<string, string>} said @param {Record<string, string>} [texts] */
async function speaking(said, texts = {}) {
  const messages = new Messages();
  await messages.use("zh-CN", async () => ({}));
  messages.add(texts);
  messages.addSaid(said);
  return messages;
}

test("sentences are said from what they were made of, sentences inside of them too", async () => {
  const messages = await speaking({ [GONE]: "没有“{name}”{near}", [NEAR]: "（相近：{names}）" });
  const near = { words: NEAR, values: { names: "a" } };
  assert.equal(messages.said("there is no 'x'", { words: GONE, values: { name: "x", near } }), "没有“x”（相近：a）");
  assert.equal(messages.said("there is no 'x'", { words: GONE, values: { name: "{near}", near: "" } }), "没有“{near}”");
  for (const facts of [null, undefined, {}, { words: "other" }, { words: "toString" }, 5]) assert.equal(messages.said("as it is", facts), "as it is");
});

test("several things in one text are joined as the page's language joins them", async () => {
  const messages = await speaking({ "found {names}": "有{names}", "{count} more": "另外 {count} 个", " and ": "和" });
  const more = { words: "{count} more", values: { count: 2 } };
  assert.equal(messages.said("found a and 2 more", { words: "found {names}", values: { names: { words: " and ", values: ["a", more] } } }), "有a和另外 2 个");
});

test("a sentence inside of another that is not known stays as the server says it", async () => {
  const messages = await speaking({ "{file}: {why}": "{file}：{why}" });
  const why = { words: "{count:,} of {names}", values: { count: "1,000", names: { words: ", ", values: ["a", "b"] } } };
  assert.equal(messages.said("x: 1,000 of a, b", { words: "{file}: {why}", values: { file: "x", why } }), "x：1,000 of a, b");
});

test("refusals and failures are said by their sentence, else by their kind, else as they came", async () => {
  const messages = await speaking({ [GONE]: "没有“{name}”" }, { "refused.bad_file": "文件无法使用：{words}", "failed.ShapeError": "尺寸不符：{words}" });
  const said = { words: GONE, values: { name: "x" } };
  assert.equal(messages.refusal({ type: "bad_file", message: "no", details: "", extra_info: { said } }), "没有“x”");
  assert.equal(messages.refusal({ type: "bad_file", message: "no", details: "it is a folder", extra_info: {} }), "文件无法使用：no: it is a folder");
  assert.equal(messages.refusal({ type: "other", message: "no" }), "no");
  assert.equal(messages.failure("4 channels", "heddle.ShapeError"), "尺寸不符：4 channels");
  assert.equal(messages.failure("4 channels", "ShapeError", said), "没有“x”");
  assert.equal(messages.failure("division by zero", "ZeroDivisionError", null), "division by zero");
});

test("whole texts of shipped files are shown in the page's language, all others as they are", async () => {
  const messages = await speaking({});
  messages.addWhole({ "## Note": "## 注释" });
  assert.deepEqual(["## Note", "## Note ", "toString"].map((text) => messages.whole(text)), ["## 注释", "## Note ", "toString"]);
});
