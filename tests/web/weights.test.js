/** Weights of words in prompts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { reweigh } from "../../web/features/widgets/weights.js";

/** A text with "|" at both ends of what is marked, or once for the caret; the answer in the same way. */
function changed(text, by = 0.05) {
  const [before, marked, after] = text.split("|").length === 3 ? text.split("|") : [text.split("|")[0], "", text.split("|")[1]];
  const whole = before + marked + after;
  const result = reweigh(whole, { start: before.length, end: before.length + marked.length }, by);
  if (!result) return null;
  const next = whole.slice(0, result.span.start) + result.text + whole.slice(result.span.end);
  const { start, end } = result.marked;
  return `${next.slice(0, start)}|${next.slice(start, end)}|${next.slice(end)}`;
}

test("what is marked gets a weight, and more of it, and none again", () => {
  assert.equal(changed("a |red fox| runs"), "a |(red fox:1.05)| runs");
  assert.equal(changed("a |(red fox:1.05)| runs"), "a |(red fox:1.1)| runs");
  assert.equal(changed("a |(red fox:1.05)| runs", -0.05), "a |red fox| runs");
  assert.equal(changed("a |red fox | runs", -0.05), "a |(red fox:0.95)|  runs");
  assert.equal(changed("(|red fox|:1.2) runs"), "|(red fox:1.25)| runs");
});

test("a caret means its brackets or its word", () => {
  assert.equal(changed("a red f|ox, runs"), "a red |(fox:1.05)|, runs");
  assert.equal(changed("a (red f|ox:1.3), runs", 0.1), "a |(red fox:1.4)|, runs");
  assert.equal(changed("a (red f|ox), runs", -0.1), "a |red fox|, runs");
  assert.equal(changed("a ((red:1.1) f|ox:0.9)"), "a |((red:1.1) fox:0.95)|");
  assert.equal(changed("snow_bear-c|ub"), "|(snow_bear-cub:1.05)|");
  assert.equal(changed("one,  | two"), null);
});

test("two brackets side by side are not one, and a bracket behind a backslash is a letter", () => {
  assert.equal(changed("|(a:1.1) and (b:1.2)|"), "|((a:1.1) and (b:1.2):1.05)|");
  assert.equal(changed("a \\(real\\) f|ox"), "a \\(real\\) |(fox:1.05)|");
});
