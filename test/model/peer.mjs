import { createHash } from 'node:crypto';
import { agreedIn, answerTo, offerOf } from './agreement.mjs';
import { Coder } from './coder.mjs';
import { BINARY, CLOSE, encodeFrame, FrameReader, PING, PONG, RSV1, TEXT } from './frames.mjs';
import { payloadOf } from './payload.mjs';
import { turn } from './turns.mjs';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Turns that the peer waits for an answer that a paused or closing subject may owe for ever. */
const PATIENCE = 40;

/** Writes of one step from which on messages refer to a part of what came before: zlib takes long to read all of it. */
const MANY = 100;
const SHORT_REACH = 512;

/** The request of a client, for the program with this number. */
function requestHead(id, extensions) {
  return Buffer.from(
    `GET /model/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${extensionsLine(extensions)}\r\n`,
  );
}

function extensionsLine(field) {
  return field === null ? '' : `Sec-WebSocket-Extensions: ${field}\r\n`;
}

/** @returns the field of a request or an answer, if there is one */
function extensionsIn(head) {
  return /^sec-websocket-extensions: (.*)\r$/im.exec(head)?.[1] ?? null;
}

function acceptance(request, extensions) {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  return Buffer.from(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
      `${extensionsLine(extensions)}\r\n`,
  );
}

/**
 * The other end of the connection: a TCP actor with frames of its own that plays a script and answers Close and Ping.
 * The ledger hears of all that it writes before it is written, and of each frame that comes.
 */
export class Peer {
  #socket;
  #raw;
  #ledger;
  /** Of the peer: that of the subject is the other one. */
  #isClient;
  #masking;
  #reader;
  #handshake = '';
  #isOpen = false;
  #isBusy = false;
  #answers = [];
  #messages = 0;
  #closeDue = null;
  #closeSent = false;
  #finSent = false;
  #markers = 0;
  /** Frames that have come. */
  #heard = 0;
  #pongs = new Set();
  #slow = false;
  /** The step whose frames leave with the answer of a server. */
  #early = null;
  #compression;
  /** Compresses messages, if that was agreed. */
  #coder = null;
  /** The subject's FIN has come. */
  ended = false;
  closed = false;
  played = false;

  /**
   * @param raw the TCP socket below TLS, which is `socket` itself without TLS
   * @param program whose `script` it plays
   */
  constructor({ socket, raw, ledger, program }) {
    this.#socket = socket;
    this.#raw = raw;
    this.#ledger = ledger;
    this.#isClient = program.role === 'server';
    this.#masking = this.#isClient ? 0x3d_21_fa_37 : null;
    this.#compression = program.compression ?? null;
    this.#reader = new FrameReader((frame) => this.#onFrame(frame));
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.ended = true;
    });
  }

  /** Opens the connection and plays the script. */
  async play({ script, early }, id) {
    const rest = [...script];
    this.#early = early && rest[0]?.do === 'frames' ? rest.shift() : null;
    if (this.#isClient) this.#writeHandshake(requestHead(id, this.#compression && offerOf(this.#compression)));
    while (!this.#isOpen && !this.closed) await turn();
    for (const step of rest) {
      if (this.isDone) break;
      this.#isBusy = true;
      await this.#perform(step);
      this.#isBusy = false;
      this.#answer();
    }
    this.played = true;
    this.#endIfDone();
  }

  /** Whether it has nothing more to say. */
  get isDone() {
    return this.closed || this.#closeSent || this.#finSent || this.#closeDue !== null || this.#ledger.peerReset;
  }

  /** Reads as fast as it can from now on. */
  readOn() {
    this.#slow = false;
    this.#socket.resume();
  }

  close(code, reason) {
    if (this.isDone) return;
    const payload = code === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason]);
    this.#sendClose(payload);
    this.#ledger.onPeerClose(code ?? 1005, reason?.toString() ?? '');
  }

  /** Breaks the connection, or what is left of it. */
  reset() {
    this.#ledger.onPeerReset(this.closed);
    if (!this.closed) this.#raw.resetAndDestroy();
  }

  destroy() {
    this.#raw.destroy();
  }

  // ——— the script

  async #perform(step) {
    if (step.do === 'frames') await this.#write(this.#framesOf(step), step);
    else if (step.do === 'wait') for (let i = 0; i < step.turns; i++) await turn();
    else if (step.do === 'heard') await this.#waitForFrames(step.frames);
    else if (step.do === 'marker') await this.#exchangeMarker();
    else if (step.do === 'stop') this.#stopReading();
    else if (step.do === 'slow') this.#slow = true;
    else if (step.do === 'read') this.readOn();
    else if (step.do === 'close') this.close(step.code, Buffer.from(step.reason ?? ''));
    else if (step.do === 'fin') this.#sendFin();
    else if (step.do === 'rst') this.reset();
    else throw new Error(`No step of a peer: ${step.do}`);
  }

  #stopReading() {
    this.#ledger.peerWasSlow = true;
    this.#socket.pause();
  }

  /** The frames of a step, each of which the ledger expects from now on. */
  #framesOf({ list, times }) {
    const frames = [];
    const reach = times < MANY ? undefined : SHORT_REACH;
    for (let i = 0; i < times; i++) for (const item of list) this.#addFrames(frames, item, reach);
    return frames;
  }

  #addFrames(frames, { op, size, parts = 1, between = false, deflate }, reach) {
    if (op === 'ping' || op === 'pong') return frames.push(this.#control(op, this.#messages, Math.min(size, 125)));
    const index = this.#messages++;
    const message = payloadOf(op, index, size);
    const isDeflated = deflate !== undefined && this.#coder !== null;
    const payload = isDeflated ? this.#coder.deflate(message, deflate, reach) : message;
    const { length } = payload;
    let bytes = 0;
    for (let i = 0; i < parts; i++) {
      const part = payload.subarray(Math.floor((length * i) / parts), Math.floor((length * (i + 1)) / parts));
      const opcode = i > 0 ? 0 : op === 'text' ? TEXT : BINARY;
      const rsv = isDeflated && i === 0 ? RSV1 : 0;
      const frame = encodeFrame(opcode, part, { fin: i === parts - 1, rsv, key: this.#masking });
      if (i > 0 && between) {
        this.#ledger.onPeerBytes(bytes);
        bytes = 0;
        frames.push(this.#control('ping', index, 4));
      }
      bytes += frame.length;
      frames.push(frame);
    }
    this.#ledger.onPeerItem({ kind: op, index, size }, bytes);
  }

  #control(kind, index, size) {
    const payload = payloadOf('bytes', index, size);
    const frame = encodeFrame(kind === 'ping' ? PING : PONG, payload, { key: this.#masking });
    this.#ledger.onPeerItem({ kind, index, size, payload }, frame.length);
    return frame;
  }

  /** @param cut bytes of one write; 0: all in one @param paced each write in a turn of its own */
  async #write(frames, { cut = 0, paced = false }) {
    const bytes = Buffer.concat(frames);
    const step = cut === 0 ? bytes.length : cut;
    for (let at = 0; at < bytes.length && !this.closed; at += step) {
      this.#socket.write(bytes.subarray(at, at + step));
      if (paced) await turn();
    }
  }

  /** Until the subject has sent so many, as far as it does. */
  async #waitForFrames(count) {
    for (let i = 0; i < PATIENCE && this.#heard < count && !this.isDone; i++) await turn();
  }

  async #exchangeMarker() {
    const payload = Buffer.from(`marker ${this.#markers++}`);
    const frame = encodeFrame(PING, payload, { key: this.#masking });
    this.#ledger.onPeerItem({ kind: 'ping', index: 0, size: payload.length, payload }, frame.length);
    this.#socket.write(frame);
    for (let i = 0; i < PATIENCE && !this.#pongs.has(payload.toString()) && !this.isDone; i++) await turn();
  }

  // ——— the opening handshake

  /** Writes a head, and the frames that are not to wait for an answer. */
  #writeHandshake(head) {
    const frames = this.#early === null ? [] : this.#framesOf(this.#early);
    this.#ledger.handshakeBytes = head.length;
    this.#socket.write(Buffer.concat([head, ...frames]));
  }

  /** What the answer of the one or the other side has agreed on. */
  #onAnswer(extensions) {
    if (this.#compression === null) return;
    const agreed = agreedIn(extensions);
    if (agreed === null) return this.#ledger.fail('handshake', `no compression: ${extensions}`);
    this.#coder = new Coder(agreed, this.#isClient);
    this.#ledger.isCompressed = true;
  }

  #onData(bytes) {
    if (this.#slow) this.#readSlowly();
    if (this.#isOpen) return this.#reader.push(bytes);
    this.#handshake += bytes.toString('latin1');
    const end = this.#handshake.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#handshake.slice(0, end + 4);
    const rest = Buffer.from(this.#handshake.slice(end + 4), 'latin1');
    this.#isOpen = true;
    if (this.#isClient && !head.startsWith('HTTP/1.1 101 ')) this.#ledger.fail('handshake', head);
    const isOffered = !this.#isClient && this.#compression !== null;
    const answer = isOffered ? answerTo(extensionsIn(head), this.#compression) : extensionsIn(head);
    this.#onAnswer(answer);
    if (!this.#isClient) this.#writeHandshake(acceptance(head, isOffered ? answer : null));
    if (rest.length > 0) this.#reader.push(rest);
  }

  #readSlowly() {
    this.#socket.pause();
    let turns = 3;
    const next = () => {
      if (turns-- > 0 && this.#slow) setImmediate(next);
      else this.#socket.resume();
    };
    next();
  }

  // ——— answers

  #onFrame(frame) {
    this.#heard++;
    this.#ledger.onFrame(this.#inflated(frame), this.#isClient);
    if (frame.opcode === PING) this.#answers.push(frame.payload);
    else if (frame.opcode === PONG) this.#pongs.add(frame.payload.toString());
    else if (frame.opcode === CLOSE) this.#closeDue = frame.payload;
    if (!this.#isBusy) this.#answer();
  }

  /** A frame as it was before it was compressed. */
  #inflated(frame) {
    if (frame.rsv !== RSV1 || this.#coder === null || (frame.opcode !== TEXT && frame.opcode !== BINARY)) return frame;
    try {
      const payload = this.#coder.inflate(frame.payload);
      return { ...frame, rsv: 0, payload, deflatedTo: frame.payload.length };
    } catch (error) {
      this.#ledger.fail('frames are DEFLATE', `${frame.payload.length} bytes: ${error.message}`);
      return frame;
    }
  }

  /** Between two steps, so that no answer comes into the middle of a frame that is cut. */
  #answer() {
    for (const payload of this.#answers.splice(0)) {
      if (this.#closeSent || this.#finSent || this.closed) return;
      const frame = encodeFrame(PONG, payload, { key: this.#masking });
      this.#ledger.onPeerItem({ kind: 'pong', index: 0, size: payload.length, payload }, frame.length);
      this.#socket.write(frame);
    }
    if (this.#closeDue !== null && !this.#closeSent && !this.#finSent && !this.closed) this.#sendClose(this.#closeDue);
    this.#endIfDone();
  }

  #sendClose(payload) {
    this.#closeSent = true;
    const frame = encodeFrame(CLOSE, payload, { key: this.#masking });
    this.#ledger.onPeerBytes(frame.length);
    this.#socket.write(frame);
  }

  #sendFin() {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#ledger.peerFin = true;
    this.#socket.end();
  }

  #onEnd() {
    this.ended = true;
    this.#endIfDone();
  }

  /** A server closes the TCP connection after the closing handshake; whoever is left alone does, too. */
  #endIfDone() {
    if (this.#isBusy || !this.#isOpen) return;
    const handsShaken = this.#closeSent && this.#closeDue !== null;
    if (this.ended || (handsShaken && !this.#isClient)) {
      if (!this.#finSent && !this.closed) {
        this.#finSent = true;
        this.#socket.end();
      }
    }
  }

  /** Bytes of a frame that has not come whole. */
  get rest() {
    return this.#reader.rest;
  }

  get isReading() {
    return !this.#socket.isPaused() && !this.#slow;
  }
}
