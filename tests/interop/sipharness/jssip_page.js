// One telephone on JsSIP, steered by jssip.py: `phone` is called from there, `tell` answers.
'use strict';

const RATE = 8000;
const report = (event, facts = {}) => tell(JSON.stringify({ event, ...facts }));

addEventListener('error', (error) => report('page_error', { reason: String(error.message) }));
addEventListener('unhandledrejection', (error) => report('page_error', { reason: String(error.reason) }));

// What is heard, by call: an audio worklet posts its samples here.
const RECORDER = `registerProcessor('recorder', class extends AudioWorkletProcessor {
  process(inputs) {
    if (inputs[0].length) this.port.postMessage(inputs[0][0].slice());
    return true;
  }
});`;

class Recorder {
  constructor() {
    this.heard = new Map();
    this.nodes = new Map();
  }

  async start() {
    this.context = new AudioContext({ sampleRate: RATE });
    await this.context.audioWorklet.addModule(URL.createObjectURL(new Blob([RECORDER], { type: 'text/javascript' })));
    await this.context.resume();
  }

  listen(call, track) {
    const stream = new MediaStream([track]);
    // Without an element that plays it, a remote track brings nothing to WebAudio.
    const element = document.body.appendChild(document.createElement('audio'));
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => {});
    const node = new AudioWorkletNode(this.context, 'recorder');
    // A call that was held comes back as another track: its recording goes on.
    const chunks = this.heard.get(call) || [];
    const former = this.nodes.get(call);
    if (former) former.port.onmessage = null;
    this.heard.set(call, chunks);
    this.nodes.set(call, node);
    node.port.onmessage = (message) => chunks.push(message.data);
    this.context.createMediaStreamSource(stream).connect(node).connect(this.context.destination);
  }

  // Base64 of 16-bit samples, from the given one on.
  take(call, from) {
    const chunks = this.heard.get(call) || [];
    const samples = new Int16Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) for (const value of chunk) samples[at++] = Math.max(-1, Math.min(1, value)) * 32767;
    const octets = new Uint8Array(samples.buffer, 2 * Math.min(from, samples.length));
    let text = '';
    for (let i = 0; i < octets.length; i += 8192) text += String.fromCharCode(...octets.subarray(i, i + 8192));
    return btoa(text);
  }
}

class Telephone {
  constructor() {
    this.calls = new Map();
    this.count = 0;
    this.recorder = new Recorder();
  }

  async start(settings) {
    this.settings = settings;
    await this.recorder.start();
    this.microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, autoGainControl: false, noiseSuppression: false },
    });
    const agent = this.agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(settings.url)],
      uri: settings.aor,
      authorization_user: settings.user,
      password: settings.password,
      register_expires: settings.expires,
    });
    agent.on('connected', () => report('connected'));
    agent.on('disconnected', () => report('disconnected'));
    agent.on('registered', () => report('registered'));
    agent.on('unregistered', () => report('unregistered'));
    agent.on('registrationFailed', ({ cause, response }) => report('register_failed', {
      reason: response ? `${response.status_code} ${response.reason_phrase}` : cause,
    }));
    agent.on('newRTCSession', ({ session, originator }) => this.adopt(session, originator === 'remote'));
    agent.on('newMessage', ({ originator, request }) => {
      if (originator === 'remote') report('message', { text: request.body, peer: String(request.from.uri) });
    });
    agent.start();
  }

  adopt(session, incoming) {
    const call = ++this.count;
    this.calls.set(call, session);
    const watch = (connection) => connection.addEventListener('track', ({ track }) => this.recorder.listen(call, track));
    if (session.connection) watch(session.connection);
    else session.on('peerconnection', ({ peerconnection }) => watch(peerconnection));
    const over = ({ cause, originator, message }) => {
      this.calls.delete(call);
      report('closed', { call, reason: String((message && message.status_code) || cause), originator });
    };
    session.on('progress', ({ originator }) => originator === 'remote' && report('ringing', { call }));
    session.on('confirmed', () => report('established', { call }));
    session.on('ended', over);
    session.on('failed', over);
    session.on('hold', ({ originator }) => report(originator === 'remote' ? 'held' : 'paused', { call }));
    session.on('unhold', ({ originator }) => report(originator === 'remote' ? 'resumed' : 'unpaused', { call }));
    session.on('newDTMF', ({ originator, dtmf }) => originator === 'remote' && report('dtmf', { call, digit: dtmf.tone }));
    session.on('refer', (e) => {
      report('refer', { call });
      e.accept(null, this.media());
    });
    if (incoming) {
      report('incoming', { call, peer: String(session.remote_identity.uri) });
      if (this.settings.auto_answer) this.answer(call);
    }
    return call;
  }

  // JsSIP switches off the tracks of a held call: each has a microphone of its own.
  media() {
    return { mediaStream: this.microphone.clone(), pcConfig: { iceServers: [], rtcpMuxPolicy: 'require' } };
  }

  pick(call) {
    const session = this.calls.get(call || Math.max(...this.calls.keys()));
    if (!session) throw new Error('no call');
    return session;
  }

  call(uri) {
    this.agent.call(uri, this.media());
    return this.count;
  }

  answer(call) { this.pick(call).answer(this.media()); }
  hangup(call, status) { this.pick(call).terminate(status ? { status_code: status } : {}); }
  hold(call) { this.check(this.pick(call).hold(), 'hold'); }
  resume(call) { this.check(this.pick(call).unhold(), 'resume'); }

  // JsSIP returns false for what it cannot do now.
  check(done, what) {
    if (done === false) throw new Error(`${what} refused`);
  }
  message(uri, text) { this.agent.sendMessage(uri, text); }

  dtmf(digits, info) {
    this.pick().sendDTMF(digits, { transportType: info ? 'INFO' : 'RFC2833', duration: 100, interToneGap: 100 });
  }

  transfer(call, uri) { this.refer(this.pick(call), uri, {}); }

  attendedTransfer(call, to) {
    const other = this.pick(to);
    this.refer(this.pick(call), other.remote_identity.uri, { replaces: other });
  }

  refer(session, uri, options) {
    this.check(session.refer(uri, { ...options, eventHandlers: {
      trying: () => report('transferring'),
      progress: () => report('transferring'),
      accepted: () => report('transferred'),
      failed: () => report('transfer_failed'),
      requestFailed: ({ cause }) => report('transfer_failed', { reason: cause }),
    } }), 'transfer');
  }

  async statistics(call) {
    const found = {};
    const codecs = {};
    for (const entry of (await this.pick(call).connection.getStats()).values()) {
      if (entry.type === 'codec') codecs[entry.id] = `${entry.mimeType}/${entry.clockRate}`;
      if (entry.type === 'inbound-rtp') Object.assign(found, { received: entry.packetsReceived, lost: entry.packetsLost, codec: entry.codecId });
      if (entry.type === 'outbound-rtp') found.sent = entry.packetsSent;
      if (entry.type === 'transport') Object.assign(found, { dtls: entry.dtlsState, cipher: entry.srtpCipher });
    }
    return { ...found, codec: codecs[found.codec] };
  }

  stop() {
    this.agent.terminateSessions();
    if (!this.agent.isRegistered()) return;
    this.agent.unregister();
    return new Promise((done) => this.agent.on('unregistered', () => done()));
  }
}

const phone = new Telephone();
