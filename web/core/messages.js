/** What people read, in their language. The texts lie in `locales/`; the code has only their names. */

export const LOCALES = { en: "English", "zh-CN": "简体中文" };

export class Messages {
  /** @type {Record<string, string>} */
  #texts = {};
  /** @type {Record<string, string>} */
  #english = {};
  /** @type {Map<string, string>} */
  #whole = new Map();
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
    if (text === undefined) return name;
    return values ? text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole)) : text;
  }

  /** @param {string} name */
  has(name) {
    return Object.hasOwn(this.#texts, name);
  }

  /**
   * A sentence of the server in the page's language, where it tells what it made the sentence of and that is known here.
   * @param {string} words  the server's own, in English
   * @param {any} facts  `{name, values}`; a value may be such facts itself
   * @returns {string}
   */
  said(words, facts) {
    const name = `said.${facts?.name}`;
    if (!this.has(name)) return words;
    const values = Object.entries(facts.values ?? {}).map(([key, value]) => [key, typeof value === "object" && value ? this.said("", value) : value]);
    return this.text(name, Object.fromEntries(values));
  }

  /**
   * What the server refuses a request with, in the page's language as far as that is possible.
   * @param {any} error  `{type, message, details, extra_info}`
   * @returns {string}
   */
  refusal({ type, message, details, extra_info: more }) {
    const words = [message, details].filter(Boolean).join(": ");
    const name = `refused.${type}`;
    return more?.said && this.has(`said.${more.said.name}`) ? this.said(words, more.said) : this.has(name) ? this.text(name, { words }) : words;
  }

  /**
   * Why a job failed, likewise.
   * @param {string} words
   * @param {string | null | undefined} kind  class of the error
   * @param {any} [facts]
   */
  failure(words, kind, facts) {
    const name = `failed.${kind?.split(".").at(-1)}`;
    return facts && this.has(`said.${facts.name}`) ? this.said(words, facts) : this.has(name) ? this.text(name, { words }) : words;
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
