/** What people read, in their language. The texts lie in `locales/`; the code has only their names. */

export const LOCALES = { en: "English", "zh-CN": "简体中文" };

export class Messages {
  /** @type {Record<string, string>} */
  #texts = {};
  /** @type {Record<string, string>} */
  #english = {};
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
