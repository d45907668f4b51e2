/** What people read, in their language. The texts lie in `locales/`; the code has only their names. */

export const LOCALES = { en: "English", "zh-CN": "简体中文" };

export class Messages {
  /** @type {Record<string, string>} */
  #texts = {};
  /** @type {Record<string, string>} */
  #english = {};
  /** @type {Map<string, string>} */
  #whole = new Map();
  /** @type {Map<string, string>} */
  #said = new Map();
  locale = "en";

  /**
   * @param {string} locale
   * @param {(locale: string) => Promise<Record<string, string>>} load
   */
  async use(locale, load) {
    this.#english = this.locale === "en" && Object.keys(this.#english).length ? this.#english : await load("en");
    this.#texts = locale === "en" ? this.#english : { ...this.#english, ...(await load(locale)) };
    this.locale = locale;
  }

  /**
   * @param {string} name
   * @param {Record<string, string | number>} [values]  for `{name}` in the text
   * @returns {string}
   */
  text(name, values) {
    const text = this.#texts[name];
    return text === undefined ? name : values ? filled(text, values) : text;
  }

  /** @param {string} name */
  has(name) {
    return Object.hasOwn(this.#texts, name);
  }

  /**
   * A sentence of the server in the page's language, where it tells what it made the sentence of and that is known here.
   * @param {string} words  the server's own, in English
   * @param {any} facts  `{words, values}`; a value may be such facts itself, and with a list of values the words stand between them
   * @returns {string}
   */
  said(words, facts) {
    const text = this.#said.get(facts?.words);
    if (text === undefined) return words;
    /** @param {any} value */
    const own = (value) => (typeof value === "object" && value ? this.said(inEnglish(value), value) : value);
    if (Array.isArray(facts.values)) return facts.values.map(own).join(text);
    return filled(text, Object.fromEntries(Object.entries(facts.values ?? {}).map(([key, value]) => [key, own(value)])));
  }

  /** What the server says. @param {Record<string, string>} texts  by its own words, with `{value}` for what it puts in */
  addSaid(texts) {
    for (const [words, ours] of Object.entries(texts)) this.#said.set(words, ours);
  }

  /**
   * What the server refuses a request with, in the page's language as far as that is possible.
   * @param {any} error  `{type, message, details, extra_info}`
   * @returns {string}
   */
  refusal({ type, message, details, extra_info: more }) {
    const words = [message, details].filter(Boolean).join(": ");
    const name = `refused.${type}`;
    return this.#said.has(more?.said?.words) ? this.said(words, more.said) : this.has(name) ? this.text(name, { words }) : words;
  }

  /**
   * Why a job failed, likewise.
   * @param {string} words
   * @param {string | null | undefined} kind  class of the error
   * @param {any} [facts]
   */
  failure(words, kind, facts) {
    const name = `failed.${kind?.split(".").at(-1)}`;
    return this.#said.has(facts?.words) ? this.said(words, facts) : this.has(name) ? this.text(name, { words }) : words;
  }

  /** Whole texts of files that ship, as the page's language has them. @param {Record<string, string>} texts  by the file's own */
  addWhole(texts) {
    for (const [text, ours] of Object.entries(texts)) this.#whole.set(text, ours);
  }

  /** What is shown for a text of a file: another one only if it ships, and as it ships. @param {string} text @returns {string} */
  whole(text) {
    return this.#whole.get(text) ?? text;
  }

  /** Texts of a pack, under names of its own. @param {Record<string, string>} texts */
  add(texts) {
    for (const [name, text] of Object.entries(texts)) if (!(name in this.#texts)) this.#texts[name] = text;
  }
}

/** @param {string} text @param {Record<string, any>} values  for `{name}` in it */
function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));
}

/**
 * A sentence as the server says it, as far as that can be told from what it was made of.
 * @param {any} facts
 * @returns {string}
 */
function inEnglish({ words, values }) {
  const text = String(words ?? "");
  /** @param {any} value */
  const own = (value) => (typeof value === "object" && value ? inEnglish(value) : value);
  if (Array.isArray(values)) return values.map(own).join(text);
  const known = Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, own(value)]));
  return filled(text.replace(/\{(\w+)[^{}]*\}/g, "{$1}"), known);
}

/** The language of the person's browser, if it is one of ours. @param {readonly string[]} wanted */
export function chooseLocale(wanted) {
  for (const each of wanted) {
    if (each in LOCALES) return each;
    const language = each.split("-")[0];
    if (language === "zh") return "zh-CN";
    if (language in LOCALES) return language;
  }
  return "en";
}
