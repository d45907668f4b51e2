"""Features can be taken out of the page and put in again, and importing a module does nothing."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

WEB = Path(__file__).resolve().parents[2] / "web"

# What a page still holds of what was added to it: whoever adds something is handed what takes it away.
WATCH = """async () => {
  const { editor } = heddle;
  const [{ name: emitter }] = performance.getEntries().filter((each) => each.name.endsWith('/core/emitter.js'));
  const base = emitter.replace('/core/emitter.js', '');
  const { Emitter } = await import(emitter);
  const lists = await Promise.all(['features', 'later'].map((each) => import(`${base}/${each}.js`)));
  const features = lists.flatMap((each) => each.features);
  const held = [];
  const watch = (owner, method, nameOf) => {
    const real = owner[method];
    owner[method] = function (...args) {
      const undo = real.apply(this, args);
      const entry = `${method} ${nameOf(args)}`;
      held.push(entry);
      let isOver = false;
      return () => {
        if (!isOver) held.splice(held.indexOf(entry), 1);
        isOver = true;
        return undo();
      };
    };
  };
  const [first, second] = [([value]) => String(value), ([, value]) => String(value)];
  watch(Emitter.prototype, 'on', first);
  watch(editor, 'addMenu', second);
  watch(editor, 'offer', first);
  watch(editor.commands, 'add', ([command]) => command.id);
  watch(editor.kinds, 'add', first);
  watch(editor.settings, 'declare', ([settings]) => settings.map((each) => each.id));
  watch(editor.shell, 'addPanel', ([panel]) => panel.id);
  watch(editor.view, 'addLayer', second);
  watch(editor.view, 'addNodePainter', second);
  watch(editor.view.pointer, 'onPress', second);
  const listeners = new Set();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    const target = this ?? window;
    if (!(target instanceof AbortSignal) && !options?.signal?.aborted) {
      const entry = { target, type, listener };
      listeners.add(entry);
      if (options?.signal) addEventListener.call(options.signal, 'abort', () => listeners.delete(entry));
    }
    return addEventListener.call(target, type, listener, options);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    const target = this ?? window;
    for (const each of listeners) {
      if (each.target === target && each.type === type && each.listener === listener) listeners.delete(each);
    }
    return removeEventListener.call(target, type, listener, options);
  };
  const intervals = new Set();
  const { setInterval, clearInterval } = window;
  window.setInterval = (...args) => {
    const id = setInterval(...args);
    intervals.add(id);
    return id;
  };
  window.clearInterval = (id) => (intervals.delete(id), clearInterval(id));
  const nameOf = (target) => target.constructor.name + (target.className ? `.${target.className}` : '');
  const lasts = (target) => target === window || target instanceof MediaQueryList ||
    (target instanceof Node && target.isConnected);
  const PASSING = '.notes, .widget-note, .content-media'; // what comes and goes with what is drawn
  const look = () => [
    ...held,
    ...[...listeners].filter((each) => lasts(each.target)).map((each) =>
       `listener ${each.type} ${nameOf(each.target)}`),
    ...[...document.querySelectorAll('*')].filter((each) => !each.closest(PASSING)).map((each) =>
      `element ${nameOf(each)}`),
    ...[...intervals].map(() => 'interval'),
    ...document.adoptedStyleSheets.map(() => 'style sheet'),
  ].sort();
  const less = (some, others) => {
    const left = [...others];
    return some.filter((each) => (left.includes(each) ? (left.splice(left.indexOf(each), 1), false) : true));
  };
  let asking = 0; // what a feature asks the server at its start is a part of it
  const { fetch } = window;
  window.fetch = (...args) => (asking++, fetch(...args).finally(() => asking--));
  const pause = async () => {
    do await new Promise((resolve) => setTimeout(resolve, 100)); while (asking);
  };
  editor.show(editor.document); // what the view listens to is counted, too
  Object.assign(window, { watched: { features, look, less, pause, base } });
}"""

CYCLE = """async () => {
  const { editor } = heddle;
  const { features, look, less, pause } = watched;
  for (const { name } of [...features].reverse()) editor.uninstall(name);
  await pause();
  const left = {};
  for (const feature of features) {
    const before = look();
    const documents = [...editor.documents];
    await editor.install([feature]);
    await pause();
    editor.uninstall(feature.name);
    for (const each of [...editor.documents]) if (!documents.includes(each)) editor.close(each); // the person's own
    await pause();
    const after = look();
    const found = [...less(after, before), ...less(before, after).map((each) => `gone: ${each}`)];
    if (found.length) left[feature.name] = found;
    await editor.install([feature]);
    await pause();
  }
  return left;
}"""

OFFERED = """() => ({
  commands: heddle.editor.commands.all.map((each) => each.id).sort(),
  services: Object.keys(heddle.editor.services).sort(),
  settings: heddle.editor.settings.all.map((each) => each.id).sort(),
  panels: [...document.querySelectorAll('.rail-button')].map((each) => each.title).sort(),
})"""


def test_a_feature_that_is_taken_out_leaves_nothing_behind(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("heddle.editor.settings.write('run.cpu-known', true)")  # else a banner comes when it likes
    page.wait_for_load_state("networkidle")
    before = page.evaluate(OFFERED)
    page.evaluate(WATCH)
    assert page.evaluate(CYCLE) == {}
    assert page.evaluate(OFFERED) == before
    page.evaluate("() => void heddle.editor.services.run.queue({ count: 1 })")
    page.evaluate("() => heddle.editor.shell.openPanel('queue')")
    expect(page.locator(".queue-done").first).to_be_visible(timeout=60_000)


def test_importing_a_module_does_nothing(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("heddle.editor.settings.write('run.cpu-known', true)")
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH)
    starts = {"main.js", "features/mask/worker.js"}  # the page itself and a worker of its
    found = {str(path.relative_to(WEB)) for path in WEB.rglob("*.js") if "node_modules" not in path.parts}
    paths = sorted(found - starts)
    done = page.evaluate(
        """async (paths) => {
          const { features, look, less, base } = watched;
          for (const { name } of [...features].reverse()) heddle.editor.uninstall(name); // so that nothing else happens
          const found = {};
          const { fetch } = window;
          for (const path of paths) {
            const before = look();
            const asked = [];
            window.fetch = (...args) => (asked.push(`fetch ${args[0]}`), fetch(...args));
            await import(`${base}/${path}?again`); // one that was imported before is a module of its own by this name
            window.fetch = fetch;
            const more = [...asked, ...less(look(), before)];
            if (more.length) found[path] = more;
          }
          return found;
        }""",
        paths,
    )
    assert done == {}
