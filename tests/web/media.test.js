import assert from "node:assert/strict";
import test from "node:test";

import { kindOfFile, kindOfName } from "../../web/core/file-inputs.js";
import { readOutput } from "../../web/features/run/showing.js";
import { waveBytes } from "../../web/features/widgets/wave.js";

test("a recorded sound becomes a WAVE file of 16 bits", () => {
  const bytes = waveBytes([new Float32Array([0, 0.5, -1, 2]), new Float32Array([1, -0.5, 0, -2])], 48_000);
  const view = new DataView(bytes);
  const word = (/** @type {number} */ at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  assert.deepEqual([word(0), word(8), word(12), word(36)], ["RIFF", "WAVE", "fmt ", "data"]);
  assert.deepEqual([view.getUint32(4, true), view.getUint32(40, true), bytes.byteLength], [52, 16, 60]);
  assert.deepEqual([view.getUint16(22, true), view.getUint32(24, true), view.getUint32(28, true), view.getUint16(34, true)], [2, 48_000, 192_000, 16]);
  assert.deepEqual([...new Int16Array(bytes, 44)], [0, 32767, 16384, -16383, -32767, 0, 32767, -32767]);
});

test("a file is what its type says, else what its name does", () => {
  assert.equal(kindOfFile(new File([], "a.mp3", { type: "video/mp4" })), "video");
  assert.equal(kindOfFile(new File([], "A.OPUS")), "audio");
  assert.equal(kindOfFile(new File([], "a.mkv", { type: "application/x-matroska" })), "video");
  assert.equal(kindOfFile(new File([], "a.json", { type: "application/json" })), null);
  assert.equal(kindOfName("no ending"), null);
});

test("what packs call their videos, sounds and moving pictures is shown as what it is", () => {
  const file = (/** @type {string} */ filename, more = {}) => ({ filename, subfolder: "", type: "output", ...more });
  const found = readOutput({
    gifs: [file("a.gif", { format: "image/gif" }), file("b.mp4", { format: "video/h264-mp4" }), file("c.strange", { format: "video/ffv1" })],
    images: [file("d.webp"), file("e.webm")],
    animated: [true],
    video: [file("f.avi"), file("g.odd")],
    audio: [file("h.weba"), file("i.odd")],
  }, ({ filename }) => filename);
  assert.deepEqual(found.pictures.map((each) => [each.src, each.isMoving]), [["a.gif", true], ["d.webp", true]]);
  assert.deepEqual(found.media.map((each) => `${each.kind} ${each.src}`), ["video b.mp4", "video c.strange", "video e.webm", "video f.avi", "video g.odd", "audio h.weba", "audio i.odd"]);
});
