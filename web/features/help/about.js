/** What this is, its version and its licence, what it runs on, and which models are in memory. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */

/** @param {Editor} editor */
export async function showAbout(editor) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const [{ system, devices }, { workers }] = await Promise.all([editor.server.get("/system_stats"), editor.server.get("/v1/memory")]);
  /** @param {number} bytes */
  const gb = (bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  /** @type {[string, string][]} */
  const facts = [
    [t("about.version"), String(system.heddle_version ?? "")],
    [t("about.python"), String(system.python_version ?? "").split(" ")[0]],
    [t("about.torch"), String(system.pytorch_version ?? "")],
    [t("about.memory"), t("about.free-of", { free: gb(system.ram_free), total: gb(system.ram_total) })],
    ...devices.map((/** @type {any} */ each) => /** @type {[string, string]} */ ([t("about.device"), `${each.name}, ${t("about.free-of", { free: gb(each.vram_free), total: gb(each.vram_total) })}`])),
    ...netsOf(workers).map((net) => /** @type {[string, string]} */ ([t("about.model"), `${net.file}, ${t(`about.mode-${net.mode}`, { there: gb(net.there_bytes), whole: gb(net.whole_bytes) })}`])),
    [t("about.licence"), t("about.licence-name")],
  ];
  await editor.shell.dialog(t("command.help-about"), (body, close) => {
    body.append(h("div", { class: "about" },
      h("div", { class: "about-head" }, h("img", { src: new URL("../../heddle.svg", import.meta.url).href, alt: "", width: 48, height: 48 }), h("div", {}, h("h3", {}, "Heddle"), h("p", {}, t("about.what")))),
      h("dl", {}, facts.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
      h("p", { class: "about-note" }, t("about.others")),
      h("p", {}, h("a", { href: "/api/v1/docs", target: "_blank", rel: "noopener" }, t("about.interface"))),
      h("div", { class: "dialog-actions" }, h("button", { type: "button", on: { click: () => { close(); editor.commands.run("help.keys"); } } }, t("command.help-keys")))));
  });
}

/**
 * The nets in memory of all workers.
 * @param {any[]} workers
 * @returns {any[]}
 */
function netsOf(workers) {
  return workers.flatMap((worker) => worker.devices).flatMap((device) => device.nets);
}
