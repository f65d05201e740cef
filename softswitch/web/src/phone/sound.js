// The ring tone, made here, and the level of the microphone.

export const stored = (name) => localStorage.getItem(name) || '';
export const store = (name, value) => (value ? localStorage.setItem(name, value) : localStorage.removeItem(name));

const CADENCE = 4_000; // ms from one ring to the next: 1 s of tone, 3 s of rest
const QUIET = 0.02;
const LOUD = 0.16;

/** Rings: two tones that swing, as loud as need be, softly while somebody talks. */
export class Ringer {
  constructor() {
    this.context = null;
    this.timer = 0;
  }

  ring(on, { quiet = false } = {}) {
    this.volume = quiet ? QUIET : LOUD;
    if (!on) {
      clearInterval(this.timer);
      this.timer = 0;
      this.gain?.gain.cancelScheduledValues(0);
      this.gain?.gain.setValueAtTime(0, this.context.currentTime);
    } else if (!this.timer) {
      this.once();
      this.timer = setInterval(() => this.once(), CADENCE);
    }
  }

  once() {
    this.context ||= new AudioContext();
    this.context.resume();
    const now = this.context.currentTime;
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    this.gain.gain.setValueAtTime(0, now);
    for (let at = 0; at < 1; at += 0.1) this.gain.gain.linearRampToValueAtTime((at * 10) % 2 < 1 ? this.volume || LOUD : (this.volume || LOUD) / 3, now + at + 0.05);
    this.gain.gain.linearRampToValueAtTime(0, now + 1.05);
    for (const frequency of [440, 554]) {
      const tone = this.context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(this.gain);
      tone.start(now);
      tone.stop(now + 1.1);
    }
  }

  aim(device) {
    this.context?.setSinkId?.(device === 'default' ? '' : device).catch(() => {});
  }
}

/** How loud the microphone is, 0 to 1, for whoever shows it; looks only while somebody does. */
export class Meter {
  constructor() {
    this.listeners = new Set();
    this.stream = null;
    this.frame = 0;
  }

  watch(stream) {
    this.stream = stream;
    this.source?.disconnect();
    this.source = null;
    if (this.listeners.size) this.begin();
  }

  listen(listener) {
    this.listeners.add(listener);
    this.begin();
    return () => {
      this.listeners.delete(listener);
      if (!this.listeners.size) {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.source?.disconnect();
        this.source = null;
      }
    };
  }

  begin() {
    if (!this.stream || this.source) return;
    this.context ||= new AudioContext();
    this.context.resume();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 512;
    this.source = this.context.createMediaStreamSource(this.stream);
    this.source.connect(this.analyser);
    const samples = new Float32Array(this.analyser.fftSize);
    let shown = 0;
    const look = () => {
      this.analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const value of samples) sum += value * value;
      const level = Math.min(1, Math.max(0, 1 + Math.log10(sum / samples.length + 1e-6) / 5));
      shown = Math.max(level, shown * 0.9);
      for (const listener of this.listeners) listener(shown);
      this.frame = requestAnimationFrame(look);
    };
    cancelAnimationFrame(this.frame);
    look();
  }
}
