/** Pictures of files that have become others under their old names are asked for anew. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";
import { Emitter } from "../../web/core/emitter.js";
import { filesOf, Versions } from "../../web/features/content/files.js";

const RECORDS = {
  Load: { input: { required: { image: [["a.png", "b.png", "c.png [output]"], { image_upload: true }] } }, output: ["IMAGE"] },
  Camera: { input: { required: { image: ["WEBCAM"] } }, output: ["IMAGE"] },
  Paint: { input: { required: { mask: ["STRING", { widgetType: "PAINTER", image_upload: true }] } }, output: ["IMAGE"] },
  Record: { input: { required: { audio: ["AUDIO_RECORD"] } }, output: ["AUDIO"] },
};
const server = { fileAddress: ({ filename, type }, more) => [type, filename, more.v].filter(Boolean).join(" ") };

test("an upload changes the address of its file alone, a run those of outputs, and a refresh all of them", () => {
  const events = new Emitter();
  let changes = 0;
  const versions = new Versions({ events }, () => changes++);
  const document = new Document(new Catalogue(RECORDS));
  const node = document.edit("new", () => document.root.addNode("Load", { x: 0, y: 0 }));
  const shown = (value) => {
    node.values.image = value;
    return filesOf(server, node, (file) => versions.of(file)).pictures[0].src;
  };
  assert.equal(shown("a.png"), "input a.png");
  events.emit("files:uploaded", { folder: "input", path: "a.png" });
  const [after, other] = [shown("a.png"), shown("b.png")];
  assert.notEqual(after, "input a.png");
  assert.equal(other, "input b.png");
  const output = shown("c.png [output]");
  events.emit("run:job", { hasEnded: false });
  assert.equal(shown("c.png [output]"), output);
  events.emit("run:job", { hasEnded: true });
  assert.notEqual(shown("c.png [output]"), output);
  assert.equal(shown("a.png"), after);
  events.emit("catalogue", new Set());
  assert.notEqual(shown("b.png"), other);
  assert.equal(changes, 3);
  for (const stop of versions.cleanups) stop();
});

test("what a camera, a painter and a recorder brought is shown on their nodes", () => {
  const document = new Document(new Catalogue(RECORDS));
  const of = (type, name, value) => filesOf(server, document.edit("new", () => document.root.addNode(type, { x: 0, y: 0 }, { [name]: value })));
  assert.equal(of("Camera", "image", "webcam/a.png").pictures[0].file.subfolder, "webcam");
  assert.equal(of("Paint", "mask", "painter/a.png").pictures.length, 1);
  assert.equal(of("Paint", "mask", ""), null);
  assert.equal(of("Record", "audio", "audio/a.webm").media[0].kind, "audio");
});
