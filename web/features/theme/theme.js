/** How page and canvas look: colours, sizes, the form of links, and the person's own style sheets. */

/** @import { Feature } from "../../core/editor.js" */
/** @import { Setting } from "../../core/settings.js" */

/** Where the theme is kept for the next visit: it is known before the server has answered. */
export const KEPT_THEME = "heddle.theme";

const COLOURS = { "canvas.ground": "--canvas-ground", "canvas.grid": "--canvas-grid", "canvas.node": "--node-body", "canvas.title": "--node-title" };

/** @type {Setting[]} */
const SETTINGS = [
  {
    id: "theme", title: "theme.theme", section: "theme.section", kind: "choice", fallback: "system",
    options: ["system", "dark", "light", "contrast"].map((value) => ({ value, title: `theme.theme.${value}` })),
  },
  {
    id: "theme.text-scale", title: "theme.text-scale", section: "theme.section", kind: "choice", fallback: 1,
    options: [0.9, 1, 1.1, 1.2].map((value) => ({ value, title: `theme.text-scale.${value * 100}` })),
  },
  { id: "theme.calm", title: "theme.calm", section: "theme.section", kind: "boolean", fallback: false },
  {
    id: "links.style", title: "theme.links", section: "setting.canvas", kind: "choice", fallback: "spline",
    options: ["spline", "straight", "steps", "hidden"].map((value) => ({ value, title: `theme.links.${value}` })),
  },
  ...Object.keys(COLOURS).map((id) => /** @type {Setting} */ ({ id, title: `theme.${id}`, section: "setting.canvas", kind: "colour", fallback: "" })),
  { id: "theme.css", title: "theme.css", section: "theme.section", kind: "text", isLong: true, fallback: "" },
];

/** @type {Feature} */
export const theme = {
  name: "theme",
  install(editor) {
    const { settings, view, commands } = editor;
    const root = document.documentElement;
    const ids = new Set(SETTINGS.map((each) => each.id));
    const prefersLight = matchMedia("(prefers-color-scheme: light)");
    const forced = matchMedia("(forced-colors: active)");
    const shared = new CSSStyleSheet(); // the file user.css
    const own = new CSSStyleSheet();

    function apply() {
      const wanted = settings.read("theme");
      root.dataset.theme = wanted === "system" ? (prefersLight.matches ? "light" : "dark") : wanted;
      remember(wanted);
      root.dataset.motion = settings.read("theme.calm") ? "less" : "";
      root.style.setProperty("--node-text-scale", String(settings.read("theme.text-scale")));
      for (const [id, name] of Object.entries(COLOURS)) {
        if (settings.read(id)) root.style.setProperty(name, settings.read(id));
        else root.style.removeProperty(name);
      }
      own.replaceSync(settings.read("theme.css"));
      view.linkStyle = settings.read("links.style");
      view.textScale = settings.read("theme.text-scale");
      view.readTheme();
    }

    async function loadShared() {
      const answer = await fetch(editor.server.address("/user.css?optional=true"));
      if (answer.status !== 200) return;
      shared.replaceSync(await answer.text());
      view.readTheme();
    }

    const cleanups = [
      settings.declare(SETTINGS),
      settings.events.on("change", (id) => void (ids.has(id) && apply())),
      commands.addAll([
        { id: "view.theme", title: "command.theme", run: () => settings.write("theme", root.dataset.theme === "light" ? "dark" : "light") },
        { id: "view.links", title: "command.links", run: () => settings.write("links.style", settings.read("links.style") === "hidden" ? "spline" : "hidden") },
      ]),
    ];
    // A sheet may hide all that could change it: the address with ?safe is the way back.
    if (!editor.isSafe) document.adoptedStyleSheets = [...document.adoptedStyleSheets, shared, own];
    prefersLight.addEventListener("change", apply);
    forced.addEventListener("change", apply);
    apply();
    setTimeout(() => void loadShared().catch((error) => console.warn("user.css", error)));
    return () => {
      cleanups.forEach((each) => each());
      prefersLight.removeEventListener("change", apply);
      forced.removeEventListener("change", apply);
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== shared && each !== own);
    };
  },
};

/** @param {string} wanted */
function remember(wanted) {
  try {
    localStorage.setItem(KEPT_THEME, wanted);
  } catch {
    // a browser that keeps nothing shows the dark theme for a moment
  }
}
