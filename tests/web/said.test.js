/** What the server says, in the page's language as far as that is known, else in its own words. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Messages } from "../../web/core/messages.js";

/** @param {Record<string, string>} texts */
async function speaking(texts) {
  const messages = new Messages();
  await messages.use("zh-CN", async () => ({}));
  messages.add(texts);
  return messages;
}

test("sentences are said from what they were made of, sentences inside of them too", async () => {
  const messages = await speaking({ "said.gone": "没有“{name}”{near}", "said.near": "（相近：{names}）" });
  const near = { name: "near", values: { names: "a" } };
  assert.equal(messages.said("there is no 'x'", { name: "gone", values: { name: "x", near } }), "没有“x”（相近：a）");
  assert.equal(messages.said("there is no 'x'", { name: "gone", values: { name: "{near}", near: "" } }), "没有“{near}”");
  for (const facts of [null, undefined, {}, { name: "other" }, { name: "toString" }, 5]) assert.equal(messages.said("as it is", facts), "as it is");
});

test("refusals and failures are said by their sentence, else by their kind, else as they came", async () => {
  const messages = await speaking({ "said.gone": "没有“{name}”", "refused.bad_file": "文件无法使用：{words}", "failed.ShapeError": "尺寸不符：{words}" });
  const said = { name: "gone", values: { name: "x" } };
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
