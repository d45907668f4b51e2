/** The plan of the page: builds the editor and installs the features. */

import { Catalogue } from "./core/catalogue.js";
import { Editor } from "./core/editor.js";
import { letNumbersBeLong } from "./core/json.js";
import { chooseLocale, LOCALES, Messages } from "./core/messages.js";
import { Server } from "./core/server.js";
import { Settings } from "./core/settings.js";
import { Shell } from "./core/shell.js";
import { features } from "./features.js";
import { KEPT_THEME } from "./features/theme/theme.js";

void start().finally(() => delete document.documentElement.dataset.awaits);

async function start() {
  letNumbersBeLong();
  showKeptTheme();
  // Who was sent a form sees nothing of the editor, not even while it is built.
  if (new URLSearchParams(location.hash.slice(1)).get("form")) document.documentElement.dataset.awaits = "form";
  const server = new Server();
  const messages = new Messages();
  const [values, records] = await Promise.all([server.get("/settings"), server.get("/object_info")]);
  const settings = new Settings(values ?? {}, (changes) => server.post("/settings", changes));
  addEventListener("pagehide", () => {
    if (settings.unsent) navigator.sendBeacon(server.address("/settings"), new Blob([JSON.stringify(settings.unsent)], { type: "application/json" }));
  });
  const wanted = settings.read("language");
  const locale = Object.hasOwn(LOCALES, wanted ?? "") ? wanted : chooseLocale(navigator.languages);
  await messages.use(locale, async (name) => (await fetch(new URL(`./locales/${name}.json`, import.meta.url))).json());
  document.documentElement.lang = locale;
  const shell = new Shell(document.body, messages);
  const editor = new Editor({ shell, server, catalogue: new Catalogue(records), settings, messages });
  Object.assign(window, { heddle: { editor } }); // for benchmarks, tests and the console
  await editor.install(features);
  performance.mark("interactive");
  const later = await import("./later.js");
  await editor.install(later.features);
  document.body.dataset.ready = "true"; // every key and menu is there
}

/** The colours of the last visit, before anything is asked of the server. */
function showKeptTheme() {
  try {
    const kept = localStorage.getItem(KEPT_THEME);
    const isLight = kept === "light" || (kept !== "dark" && kept !== "contrast" && matchMedia("(prefers-color-scheme: light)").matches);
    document.documentElement.dataset.theme = kept === "contrast" ? kept : isLight ? "light" : "dark";
  } catch {
    // a browser that keeps nothing
  }
}
