import { AsyncLocalStorage } from 'node:async_hooks';
import { brokenRule } from './compression.mjs';
import { CLOSE, PING, PONG, TEXT } from './frames.mjs';
import { difference, payloadOf } from './payload.mjs';

/** More than this a subject may not hold: a reserve, a read, a queue and a message under way, and as much again. */
const MOST_HELD = 4 * 1_048_576;

/** Bytes that the kernel takes at once of one whose peer keeps up. */
const SURELY_TAKEN = 16_384;

const stores = new AsyncLocalStorage();

/**
 * What happened in one run: what the peer wrote, what the subject told of it, what the user sent, and what came of that.
 * Each entry is judged as it comes by the rules that hold at any time; `verdict.mjs` judges the end.
 *
 * `traits` say what the subject promises beyond what npm ws does:
 * - `holdsPause`: nothing is told while it is paused, in the middle of a read either
 * - `answersThoughPaused`: but Pings in front of the next message are answered and told
 * - `readsThoughPaused`: it goes on reading a little while it is paused, so that it comes upon an RST
 * - `isExactAtTheEnd`: callbacks come once and in order, successes first, and what was sent has left, also when the connection
 *   ends at once or by FIN
 * - `keepsContexts`: a callback runs in the context in which it was given
 * - `tellsAfterClose`: what was received can be received when the connection is closed
 * - `tellsAllReceived`: what was read before the connection broke is told
 * - `discardsAfterEnd`: after its own Close it tells nothing
 * - `throwsAreUncaught`: what a listener throws goes to the process, and not to a handler of errors
 * - `tellsControl`: Pings and Pongs are events
 * - `collapsesPongs`: of the Pongs for a peer that is behind only the latest is sent
 * - `compressesToLess`: a compressed message is shorter than it was
 */
export class Ledger {
  traits;
  findings = [];

  // The peer's side.
  /** Messages, Pings and Pongs that the peer writes, in the order in which each is whole. */
  items = [];
  written = 0;
  handshakeBytes = 0;
  peerReset = false;
  peerFin = false;
  /** `{ code, reason }` of the Close that the peer sent of its own accord. */
  peerClose = null;
  peerWasSlow = false;

  // What was told.
  told = 0;
  counts = { text: 0, bytes: 0, ping: 0, pong: 0 };
  /** Bytes of the frames that were told. */
  toldBytes = 0;
  isPaused = false;
  isOpen = false;
  closes = [];
  /** The most bytes that were read and not told. */
  held = 0;

  // The user's side.
  /** All that the user sent. */
  sends = [];
  /** The frames that are to arrive at the peer, Pongs among them. */
  frames = [];
  arrived = 0;
  arrivedBytes = 0;
  pongs = [];
  arrivedPongs = 0;
  lastPong = null;
  /** Whether what is written is the kernel's at once, as it is without TLS. */
  writesAtOnce = false;
  closeFrames = 0;
  /** Whether messages may be compressed. */
  isCompressed = false;
  /** The first of the calls that end a connection: 'close', 'terminate' or 'throw'. */
  userEnd = null;
  userCode = null;
  aborted = false;
  /** How many of `frames` must arrive although the user ended the connection at once. */
  owed = 0;
  thrown = [];
  uncaught = [];
  toldErrors = [];
  promises = [];
  #lastCalled = -1;
  #failedSends = false;

  constructor(traits) {
    this.traits = traits;
  }

  /** Notes that a rule does not hold. */
  fail(rule, detail) {
    if (this.findings.length < 8) this.findings.push({ rule, detail });
  }

  // ——— what the peer does

  /** @param bytes of the frame that makes it whole */
  onPeerItem(item, bytes) {
    this.written += bytes;
    this.items.push({ ...item, end: this.written });
    // Where Pings are no events, each that was written may be answered.
    if (item.kind === 'ping' && !this.traits.tellsControl) this.pongs.push(item.payload);
  }

  /** Bytes of frames that make no item whole. */
  onPeerBytes(bytes) {
    this.written += bytes;
  }

  onPeerClose(code, reason) {
    this.peerClose = { code, reason };
  }

  onPeerReset(wasClosed) {
    if (!wasClosed) this.peerReset = true;
  }

  // ——— what the subject tells

  /** @param kind 'text', 'bytes', 'ping' or 'pong' */
  onTold(kind, data) {
    const number = this.told;
    if (this.closes.length > 0 && !this.traits.tellsAfterClose) this.fail('nothing after close', `a ${kind} came`);
    if (!this.isOpen) this.fail('nothing before open', `a ${kind} came`);
    if (this.isPaused && this.#holds(kind) && !this.hasBroken) this.fail('none while paused', `${kind} ${number}`);
    const item = this.#nextItem();
    if (item === undefined) return this.fail('once', `a ${kind} came that was not sent`);
    this.counts[kind]++;
    if (item.kind !== kind) return this.fail('in order', `${kind} ${number} in place of a ${item.kind}`);
    this.toldBytes = item.end;
    const isControl = item.payload !== undefined;
    const wrong = isControl
      ? !item.payload.equals(data) && 'other bytes'
      : difference(data, kind, item.index, item.size);
    if (wrong) this.fail('byte for byte', `${kind} ${number}: ${wrong}`);
  }

  /** Whether this kind of event is held back by a pause. */
  #holds(kind) {
    const isMessage = kind === 'text' || kind === 'bytes';
    return this.traits.holdsPause && (isMessage || !this.traits.answersThoughPaused);
  }

  #nextItem() {
    while (this.told < this.items.length) {
      const item = this.items[this.told++];
      if (this.traits.tellsControl || item.payload === undefined) return item;
    }
    this.told++;
    return undefined;
  }

  /** Whether all that the peer has written was told. */
  get allTold() {
    return this.untold === 0;
  }

  get untold() {
    const rest = this.items.slice(this.told);
    return this.traits.tellsControl ? rest.length : rest.filter(({ payload }) => payload === undefined).length;
  }

  /** Whether the connection was ended at once, so that what was received may be told though it is paused. */
  get hasBroken() {
    return this.aborted || this.peerReset;
  }

  /** @param bytesRead of the socket, `undefined` if that is unknown */
  sample(bytesRead) {
    if (bytesRead === undefined || this.closes.length > 0 || this.userEnd !== null) return;
    const held = bytesRead - this.handshakeBytes - this.toldBytes;
    if (held <= this.held) return;
    this.held = held;
    if (held > MOST_HELD) this.fail('held memory', `${held} bytes were read and not told`);
  }

  onClose(code, reason) {
    this.closes.push({ code, reason });
    if (this.closes.length > 1) this.fail('one close', `${this.closes.length} close events`);
  }

  // ——— what the user does

  /**
   * @param {{ kind: 'text' | 'bytes' | 'ping' | 'pong', size: number, isOpen: boolean, wantsCall?: boolean, compress?: boolean }} send
   * @returns its entry, with `payload` and the `callback` to give
   */
  newSend({ kind, size, isOpen, wantsCall = false, compress = true }) {
    const number = this.sends.length;
    const payload = payloadOf(kind === 'text' ? 'text' : 'bytes', number, size);
    const send = { number, kind, size, isOpen, wantsCall, compress, calls: 0, error: undefined, settled: false };
    this.sends.push(send);
    if (isOpen) this.frames.push({ kind, index: number, size, send });
    return { send, payload };
  }

  /** Calls `act` in a context of its own. @returns what is to be called back, which runs `then` at last */
  inContext(send, act, then) {
    const store = { send: send.number };
    const callback = (error) => {
      if (this.traits.keepsContexts && stores.getStore() !== store) {
        this.fail('context', `callback ${send.number} ran in ${JSON.stringify(stores.getStore())}`);
      }
      this.#onCallback(send, error);
      then?.(error);
    };
    return stores.run(store, () => act(send.wantsCall ? callback : undefined));
  }

  #onCallback(send, error) {
    send.calls++;
    send.error = error ?? null;
    const isExact = this.traits.isExactAtTheEnd || !(this.hasBroken || this.peerFin);
    if (send.calls > 1 && isExact) this.fail('callback once', `callback ${send.number} was called ${send.calls} times`);
    if (!send.isOpen) {
      if (!error) this.fail('error when not open', `callback ${send.number} was called without an error`);
      return;
    }
    if (isExact) this.#judgeOrder(send, error);
    if (error && !this.hasBroken && !this.peerFin && this.userEnd !== 'throw') {
      this.fail('callback without error', `callback ${send.number}: ${error.message}`);
    }
  }

  #judgeOrder(send, error) {
    if (send.number < this.#lastCalled) {
      this.fail('callbacks in order', `callback ${send.number} came after ${this.#lastCalled}`);
    }
    this.#lastCalled = send.number;
    if (error) this.#failedSends = true;
    else if (this.#failedSends) this.fail('success before errors', `callback ${send.number} after one with an error`);
  }

  /** A promise that the library returned. @param may whether it may be rejected with this error */
  onPromise(what, promise, may) {
    const entry = { what, settled: false };
    this.promises.push(entry);
    Promise.resolve(promise).then(
      () => {
        entry.settled = true;
      },
      (error) => {
        entry.settled = true;
        if (!may(error)) this.fail('promises', `${what} was rejected: ${error?.stack ?? error}`);
      },
    );
    return entry;
  }

  /** Sent by the subject itself in answer to a Ping. */
  onPongDue(payload) {
    if (this.traits.collapsesPongs) this.pongs.push(payload);
    else this.frames.push({ kind: 'pong', payload });
  }

  /**
   * The user ends the connection.
   *
   * @param how 'close' or 'terminate'
   * @param isQuiet whether the peer has said all and reads all
   */
  onUserEnd(how, code, isQuiet) {
    if (how === 'terminate') {
      if (!this.hasBroken && this.userEnd === null && this.#leavesAtOnce()) this.#owe(isQuiet);
      this.aborted = true;
    }
    this.userEnd ??= how;
    if (how === 'close') this.userCode ??= code;
  }

  /** What was sent has left, or leaves when the connection ends: no RST of ours keeps it from the peer if all is quiet. */
  #owe(isQuiet) {
    for (const { send } of this.frames) if (send?.wantsCall && send.calls === 0) send.mustSucceed = true;
    if (isQuiet) this.owed = this.frames.length;
  }

  /** Whether the kernel takes at once what is under way. */
  #leavesAtOnce() {
    return this.writesAtOnce && !this.peerFin && !this.hasLate && this.#bytesUnderWay() < SURELY_TAKEN;
  }

  /** Whether something may still be made: what was a Blob, or is compressed by a thread of zlib. */
  get hasLate() {
    return this.frames.slice(this.arrived).some(({ send }) => send?.isLate);
  }

  #bytesUnderWay() {
    return this.frames.slice(this.arrived).reduce((sum, { size = 125 }) => sum + size + 14, 0);
  }

  // ——— what comes at the peer

  onFrame({ fin, rsv, opcode, isMasked, payload, deflatedTo }, byServer) {
    if (rsv !== 0 || !fin || isMasked === byServer) this.fail('frames', `fin ${fin}, rsv ${rsv}, masked ${isMasked}`);
    if (this.closeFrames > 0) this.fail('frames', `opcode ${opcode} after the Close frame`);
    if (opcode === CLOSE) this.#onCloseFrame(payload);
    else if (opcode === PONG && this.traits.collapsesPongs) this.#onPongFrame(payload);
    else this.#onFrameInOrder(opcode, payload, deflatedTo);
  }

  #onCloseFrame(payload) {
    this.closeFrames++;
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    const isFailed = !this.traits.throwsAreUncaught && this.thrown.length > 0;
    const expected = this.userEnd === 'close' ? this.userCode.code : this.peerClose?.code;
    if (!isFailed && code !== expected) this.fail('the code that is sent', `${code} in place of ${expected}`);
  }

  #onPongFrame(payload) {
    const at = this.pongs.findIndex((due, i) => i >= this.arrivedPongs && due.equals(payload));
    if (at === -1) this.fail('pongs', `a Pong for no Ping, or out of order: ${payload.toString('hex')}`);
    else this.arrivedPongs = at + 1;
    this.lastPong = payload;
  }

  #onFrameInOrder(opcode, payload, deflatedTo) {
    const expected = this.frames[this.arrived++];
    const kind = opcode === TEXT ? 'text' : opcode === PING ? 'ping' : opcode === PONG ? 'pong' : 'bytes';
    if (expected === undefined) return this.fail('frames', `a ${kind} of ${payload.length} bytes that nobody sent`);
    const number = this.arrived - 1;
    if (expected.kind !== kind) return this.fail('frames in order', `${kind} ${number} in place of a ${expected.kind}`);
    const wrong = expected.payload
      ? !expected.payload.equals(payload) && 'other bytes'
      : difference(payload, kind === 'text' ? 'text' : 'bytes', expected.index, expected.size);
    if (wrong) this.fail('frames byte for byte', `${kind} ${number}: ${wrong}`);
    const broken = this.isCompressed && expected.send && brokenRule(expected.send, deflatedTo, this.traits);
    if (broken) this.fail(broken, `${kind} ${number} of ${payload.length} bytes: ${deflatedTo ?? 'plain'}`);
  }

  // ——— what the process hears

  onThrow(error) {
    this.thrown.push(error);
    if (!this.traits.throwsAreUncaught) this.userEnd ??= 'throw';
  }

  /** The library told the user of an error. */
  onToldError(error) {
    this.toldErrors.push(error);
    if (!this.thrown.includes(error) && !this.hasBroken) this.fail('no error', error?.stack ?? String(error));
  }

  onUncaught(error) {
    this.uncaught.push(error);
    if (!this.thrown.includes(error)) this.fail('uncaught', error?.stack ?? String(error));
  }
}
