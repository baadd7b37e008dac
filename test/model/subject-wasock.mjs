import { compressionOption } from './compression.mjs';
import { watchSocket } from './connections.mjs';
import { scribble } from './payload.mjs';
import { LAST_SEND } from './program.mjs';

/** More than any program sends, so that no peer counts as slow. */
const LIMITS = { maxPayload: 4_194_304, maxBackpressure: 1 << 30, pingInterval: 0 };

/** The first holds nobody; the second holds whoever sends much, again and again. */
const RATE_LIMITS = {
  generous: { messages: 1e6, frames: 1e6, bytes: 1e10 },
  tight: { messages: 100, frames: 150, bytes: 500_000, per: 5 },
};

/** What both styles of `wasock` have in common. */
export class WasockSubject {
  lib;
  traits;

  /** @param lib the module `wasock` */
  constructor(lib, traits) {
    this.lib = lib;
    this.traits = {
      holdsPause: true,
      answersThoughPaused: true,
      keepsContexts: false,
      isExactAtTheEnd: true,
      readsThoughPaused: false,
      collapsesPongs: true,
      discardsAfterEnd: true,
      throwsAreUncaught: false,
      tellsAllReceived: true,
      compressesToLess: true,
      ...traits,
    };
  }

  optionsFor(program) {
    return { ...LIMITS, compression: compressionOption(program), rateLimit: RATE_LIMITS[program.rate] };
  }

  /** Programs with the same key may have the same server. */
  keyOf({ transport, variant, rate, compression = null }) {
    return JSON.stringify([transport, variant, rate, compression && { ...compression, asks: undefined }]);
  }

  isOpen(ws) {
    return ws.readyState === this.lib.ReadyState.Open;
  }

  /** One step of the user. */
  act(session, step) {
    const { ws, ledger } = session;
    if (watchSocket(session, step) || ws === null) return;
    if (step.do === 'send') for (let i = 0; i < step.times; i++) this.#send(session, step);
    else if (step.do === 'close') {
      const { code = 1000, reason } = step;
      // Of a connection that has broken it discards what was still to be told.
      if (this.isOpen(ws) || ledger.peerReset) ledger.onUserEnd('close', { code, reason }, false);
      this.#expect(session, 'close', ws.close(code, reason), () => false);
    } else if (step.do === 'hangup') {
      if (ws.readyState !== 3) ledger.onUserEnd('terminate', undefined, session.isQuiet);
      ws.hangup();
    } else if (step.do === 'pause') {
      ledger.isPaused = true;
      ws.pause();
    } else if (step.do === 'resume') {
      ledger.isPaused = false;
      ws.resume();
    } else throw new Error(`No step of a user: ${step.do}`);
  }

  #send(session, { kind, size, via, compress }) {
    const { ws, ledger } = session;
    const isOpen = this.isOpen(ws);
    const asked = kind === 'ping' ? Math.min(size, 125) : size;
    const { send, payload } = ledger.newSend({ kind, size: asked, isOpen, compress });
    const data = kind === 'text' ? payload.toString() : payload;
    const promise = this.transmit(session, kind, data, via, compress);
    if (!isOpen && promise === undefined && via !== 'publish')
      ledger.fail('a rejection when not open', `send ${send.number}`);
    if (promise === undefined) scribble(data);
    else
      promise.then(
        () => scribble(data),
        () => {},
      );
    this.#expect(session, `send ${send.number}`, promise, (error) => this.isClosedError(error));
    const next = () => session.place('sent');
    Promise.resolve(promise).then(next, next);
  }

  /** @param via how, where there is more than one way @returns what `send` returns */
  transmit({ ws }, kind, data, via, compress) {
    if (kind === 'ping') return ws.ping(data);
    const options = compress === undefined ? undefined : { compress };
    return via === 'prepare' ? ws.send(this.lib.prepare(data, options)) : ws.send(data, options);
  }

  #expect({ ledger }, what, promise, may) {
    ledger.onPromise(what, promise, may);
  }

  isClosedError(error) {
    return error instanceof this.lib.WebSocketClosedError;
  }

  release({ ws, ledger }) {
    ledger.isPaused = false;
    ws.resume();
  }

  /** The end of a program that has none. */
  finish({ ws, ledger }) {
    ledger.onUserEnd('close', { code: 1000, reason: 'finale' }, false);
    ledger.onPromise('close', ws.close(1000, 'finale'), () => false);
  }

  get lastSteps() {
    return [LAST_SEND, { do: 'hangup' }];
  }

  /** Promises that are still open. */
  unsettled({ ledger }) {
    return ledger.promises.filter(({ settled }) => !settled).map(({ what }) => what);
  }

  abandon({ ws }) {
    ws?.hangup();
  }
}
