/** Two soft notes: rising when all went well, falling when not. */

/** @param {boolean} isGood */
export function chime(isGood) {
  const context = new AudioContext();
  const notes = isGood ? [659, 880] : [523, 349]; // Hz
  notes.forEach((frequency, i) => {
    const start = context.currentTime + i * 0.16;
    const tone = new OscillatorNode(context, { frequency });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.12, start + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.4);
    tone.connect(loudness).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.42);
  });
  setTimeout(() => void context.close(), 1000);
}
