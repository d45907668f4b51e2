/** Recorded sounds as WAVE files: every program reads them, and they say how long they are. */

/**
 * @param {Blob} recorded  as the browser has it
 * @returns {Promise<Blob>} 16 bits; as it came if the browser cannot read what it recorded
 */
export async function waveOf(recorded) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await recorded.arrayBuffer());
    return new Blob([waveBytes(Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i)), sound.sampleRate)], { type: "audio/wav" });
  } catch {
    return recorded;
  } finally {
    void context.close();
  }
}

/**
 * @param {Float32Array[]} channels  -1..1, all of one length
 * @param {number} rate  samples a second
 * @returns {ArrayBuffer}
 */
export function waveBytes(channels, rate) {
  const [count, length] = [channels.length, channels[0]?.length ?? 0];
  const size = count * length * 2;
  const bytes = new ArrayBuffer(44 + size);
  const view = new DataView(bytes);
  /** @param {number} at @param {string} text */
  const word = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + size, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of what follows, up to "data"
  view.setUint16(20, 1, true); // whole numbers, not packed
  view.setUint16(22, count, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * count * 2, true);
  view.setUint16(32, count * 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, size, true);
  const samples = new Int16Array(bytes, 44);
  for (let i = 0; i < length; i++) {
    for (let channel = 0; channel < count; channel++) {
      samples[i * count + channel] = Math.round(Math.min(1, Math.max(-1, channels[channel][i])) * 32767);
    }
  }
  return bytes;
}
