/** The texts of the page: each that the code names is there in every language, and none that nobody reads. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

const WEB = fileURLToPath(new URL("../../web/", import.meta.url));

/** @param {string} folder @returns {string[]} */
function scripts(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((each) => each.isFile() && each.name.endsWith(".js") && !each.parentPath.includes("node_modules"))
    .map((each) => join(each.parentPath, each.name));
}

/** @param {string} locale @returns {Record<string, string>} */
function read(locale) {
  return JSON.parse(readFileSync(join(WEB, "locales", `${locale}.json`), "utf8"));
}

/** Code without comments, whose words nobody is shown; "image/*" begins none. @param {string} code */
function withoutComments(code) {
  return code.replace(/(?<=^|[\s([{,;=])\/\*[\s\S]*?\*\//g, (each) => each.replace(/[^\n]/g, " ")).replace(/(^|[\s;{}(,])\/\/[^\n]*/g, "$1");
}

/** What writes the pages of help beside the nodes, in the page's words. */
const HELP_PAGES = readFileSync(join(WEB, "../heddle/graph/node_pages.py"), "utf8");
const code = new Map(scripts(WEB).map((path) => [path.slice(WEB.length), withoutComments(readFileSync(path, "utf8"))]));
const english = read("en");
const others = { "zh-CN": read("zh-CN") };
const KEY = /^[a-z][a-z0-9-]*(?:\.[a-zA-Z0-9_-]+)+$/;

/** Texts of the code that look like keys, and beginnings and ends of those that are put together. */
function named() {
  /** @type {Map<string, string>} key -> file */
  const whole = new Map();
  /** @type {RegExp[]} */
  const patterns = [];
  for (const [file, text] of code) {
    for (const [, key] of text.matchAll(/["'`]([a-z][a-z0-9-]*(?:\.[a-zA-Z0-9_-]+)+)["'`]/g)) whole.set(key, file);
    for (const [, template] of text.matchAll(/`([a-z][a-z0-9-]*[.][^`\n]*\$\{[^`\n]*)`/g)) {
      // What stands in ${...}, with one level of braces inside, may be anything.
      const parts = template.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/);
      if (parts.every((part) => /^[a-zA-Z0-9_.-]*$/.test(part))) patterns.push(new RegExp(`^${parts.map((part) => part.replaceAll(".", "\\.")).join(".*")}$`));
    }
  }
  return { whole, patterns };
}

/** The first words of keys that there are, so that other texts with dots are not taken for keys. */
const prefixes = new Set(Object.keys(english).map((key) => key.split(".")[0]));

test("every text that the code asks for is there", () => {
  /** @type {string[]} */
  const missing = [];
  for (const [file, text] of code) {
    const asked = [
      ...text.matchAll(/(?:\btext|\bt|#t|\bsay|\bask)\(\s*["']([^"']+)["']/g),
      ...text.matchAll(/\b(?:title|section|key)\s*:\s*["']([^"']+)["']/g),
      ...text.matchAll(/\bedit\(\s*["']([^"']+)["']/g),
      ...text.matchAll(/\bbegin\(\s*["']([^"']+)["']/g),
    ];
    for (const [, key] of asked) if (KEY.test(key) && prefixes.has(key.split(".")[0]) && !(key in english)) missing.push(`${file}: ${key}`);
  }
  assert.deepEqual(missing, []);
});

test("no text is there that the code never names", () => {
  const { whole, patterns } = named();
  const unused = Object.keys(english).filter((key) => !whole.has(key) && !HELP_PAGES.includes(`"${key}"`) && !HELP_PAGES.includes(`'${key}'`) && !patterns.some((pattern) => pattern.test(key)) && !isHint(key, whole));
  assert.deepEqual(unused, []);
});

/** A setting's hint has its title's key with ".hint". @param {string} key @param {Map<string, string>} whole */
function isHint(key, whole) {
  return key.endsWith(".hint") && whole.has(key.slice(0, -".hint".length));
}

for (const [locale, texts] of Object.entries(others)) {
  test(`${locale} has every text, with the same places for values`, () => {
    assert.deepEqual(Object.keys(english).filter((key) => !(key in texts)), [], "missing");
    assert.deepEqual(Object.keys(texts).filter((key) => !(key in english)), [], "more than there are in English");
    /** @param {string} text */
    const places = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join(" ");
    const other = Object.keys(english).filter((key) => places(english[key]) !== places(texts[key]));
    assert.deepEqual(other.map((key) => `${key}: ${english[key]} / ${texts[key]}`), []);
    assert.deepEqual(Object.keys(texts).filter((key) => !texts[key].trim()), [], "empty");
  });
}

test("the files of texts are sorted by key", () => {
  for (const texts of [english, ...Object.values(others)]) assert.deepEqual(Object.keys(texts), Object.keys(texts).toSorted());
});

/** Names that are the same in every language. */
const NAMES = new Set(["Heddle", "CPU", "GPU", "JSON", "PNG", "px"]);

test("no words of the page stand in the code", () => {
  /** @type {string[]} */
  const found = [];
  for (const [file, text] of code) {
    // Children of h(...): a text after the attributes or after another child.
    for (const [, words] of text.matchAll(/\bh\(\s*["'](?!kbd)[a-z0-9]+["']\s*,\s*\{[^{}]*\}\s*,\s*["'`]([^"'`$]+)["'`]/g)) check(file, words);
    for (const [, words] of text.matchAll(/\.(?:textContent|placeholder|title|ariaLabel|innerText)\s*=\s*["'`]([^"'`$]+)["'`]/g)) check(file, words);
    for (const [, words] of text.matchAll(/["']?(?:aria-label|placeholder|aria-description)["']?\s*:\s*["']([^"']+)["']/g)) check(file, words);
    for (const [, words] of text.matchAll(/\bnote\(\s*["'`]([^"'`$]+)["'`]/g)) check(file, words);
  }
  /** @param {string} file @param {string} words */
  function check(file, words) {
    if (/\p{L}{2}/u.test(words) && !NAMES.has(words.trim())) found.push(`${file}: ${words}`);
  }
  assert.deepEqual(found, []);
});
