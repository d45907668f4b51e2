/** JSON with whole numbers of any length, and what other programs write that is no JSON. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { letNumbersBeLong, parseExactly, writeExactly } from "../../web/core/json.js";

test("whole numbers beyond 2^53 come back with all their digits", () => {
  const text = '{"seed":18446744073709551615,"low":-9007199254740993,"list":[12345678901234567890,1],"safe":9007199254740991}';
  const { value } = parseExactly(text);
  assert.equal(value.seed, 18446744073709551615n);
  assert.equal(value.safe, 9007199254740991);
  assert.equal(writeExactly(value), text);
});

test("fractions, exponents and texts that look like long numbers stay what they are", () => {
  const text = '{"a":0.12345678901234568,"b":1e+30,"c":"[12345678901234567890]","d":"NaN, \\"Infinity\\"","e":[99999999999999999999]}';
  const { value, notNumbers } = parseExactly(text);
  assert.equal(notNumbers, 0);
  assert.equal(value.c, "[12345678901234567890]");
  assert.equal(value.d, 'NaN, "Infinity"');
  assert.equal(writeExactly(value), text);
});

test("bare NaN and infinities are read as nothing, and counted", () => {
  const { value, notNumbers } = parseExactly('{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN"}');
  assert.deepEqual(value, { a: null, b: [null, null], c: "NaN" });
  assert.equal(notNumbers, 3);
});

test("what is no JSON is an error", () => {
  assert.throws(() => parseExactly("{nodes: NaN"), SyntaxError);
  assert.throws(() => parseExactly('{"a":1234567890123456789'), SyntaxError);
});

test("what is nested ten thousand deep is written", () => {
  const text = '{"a":'.repeat(10000) + "[1]" + "}".repeat(10000);
  assert.equal(writeExactly(parseExactly(text).value), text);
});

test("every writer of the page takes long numbers once it may", () => {
  letNumbersBeLong();
  try {
    const text = JSON.stringify({ seed: 18446744073709551615n });
    assert.ok(text === '{"seed":18446744073709551615}' || !("rawJSON" in JSON));
  } finally {
    delete BigInt.prototype.toJSON;
  }
});
