import { isLate, perMessageDeflateOption } from './compression.mjs';
import { connectPeer, listeningHttpServer, peerUrl, watchConnections, watchSocket } from './connections.mjs';
import { scribble } from './payload.mjs';
import { LAST_SEND } from './program.mjs';
import { current } from './session.mjs';

const OPEN = 1;

/** The code under test and its twin: whatever is written against npm `ws`. */
export class WsSubject {
  traits;
  #lib;
  #servers = new Map();

  /** @param lib the module `ws` or `wasock/ws` */
  constructor(lib, traits) {
    this.#lib = lib;
    this.traits = {
      tellsControl: true,
      collapsesPongs: false,
      discardsAfterEnd: false,
      throwsAreUncaught: true,
      ...traits,
    };
  }

  async open(session) {
    const { program } = session;
    const options = {
      perMessageDeflate: perMessageDeflateOption(program),
      maxPendingAutoPongs: mostPongs(program),
      allowSynchronousEvents: program.variant !== 'async',
    };
    if (program.role === 'server') {
      const { port, wss } = await this.#server(program.transport);
      Object.assign(wss.options, options);
      return connectPeer(session, port);
    }
    const ws = new this.#lib.WebSocket(await peerUrl(session), { ...options, rejectUnauthorized: false });
    ws.on('open', () => this.#onOpen(session, ws));
    this.#listen(session, ws);
  }

  async #server(transport) {
    if (!this.#servers.has(transport)) {
      const server = await listeningHttpServer(transport);
      watchConnections(server);
      const wss = new this.#lib.WebSocketServer({ server });
      wss.on('connection', (ws) => {
        if (current.session === null || current.session.ws !== null) return ws.terminate();
        this.#listen(current.session, ws);
        this.#onOpen(current.session, ws);
      });
      this.#servers.set(transport, { wss, port: server.address().port });
    }
    return this.#servers.get(transport);
  }

  #listen(session, ws) {
    const { ledger } = session;
    session.ws = ws;
    const tell = (kind, data) => {
      ledger.onTold(kind, data);
      session.place(kind === 'ping' || kind === 'pong' ? kind : 'message');
    };
    ws.on('message', (data, isBinary) => tell(isBinary ? 'bytes' : 'text', data));
    ws.on('ping', (data) => {
      if (ws.readyState === OPEN) ledger.onPongDue(data);
      tell('ping', data);
    });
    ws.on('pong', (data) => tell('pong', data));
    ws.on('error', (error) => ledger.fail('no error', error.stack));
    ws.on('close', (code, reason) => {
      ledger.onClose(code, reason.toString());
      session.place('close');
    });
  }

  #onOpen(session, ws) {
    session.socket = ws._socket;
    // From now on all that comes passes through its events.
    if (session.program.variant === 'receiver') ws._receiver.listenerCount('message');
    session.ledger.isOpen = true;
    session.place('open');
  }

  /** One step of the user. */
  act(session, step) {
    const { ws, ledger } = session;
    if (watchSocket(session, step) || ws === null) return;
    if (step.do === 'send') for (let i = 0; i < step.times; i++) this.#send(session, step);
    else if (step.do === 'close') {
      const { code, reason } = step;
      if (ws.readyState === OPEN) ledger.onUserEnd('close', { code: code ?? 1005, reason }, false);
      ws.close(code, reason || undefined);
    } else if (step.do === 'terminate' || step.do === 'destroy') {
      if (ws.readyState !== 3) ledger.onUserEnd('terminate', undefined, session.isQuiet);
      if (step.do === 'terminate') ws.terminate();
      else ws._socket.destroy();
    } else if (step.do === 'pause' || step.do === 'socketPause') {
      if (ws.readyState < 3) ledger.isPaused = true;
      (step.do === 'pause' ? ws : ws._socket).pause();
    } else if (step.do === 'resume' || step.do === 'socketResume') {
      ledger.isPaused = false;
      (step.do === 'resume' ? ws : ws._socket).resume();
    } else throw new Error(`No step of a user: ${step.do}`);
  }

  #send(session, step) {
    const { kind, size, wantsCall, compress } = step;
    const { ws, ledger, program } = session;
    const isOpen = ws.readyState === OPEN;
    const isControl = kind === 'ping';
    const asked = isControl ? Math.min(size, 125) : size;
    const { send, payload } = ledger.newSend({
      kind: kind === 'blob' ? 'bytes' : kind,
      size: asked,
      isOpen,
      wantsCall,
      compress,
    });
    send.isLate = kind === 'blob' || isLate(program, step);
    const data = kind === 'blob' ? new Blob([payload]) : kind === 'text' ? payload.toString() : payload;
    ledger.inContext(
      send,
      (callback) => {
        if (isControl) ws.ping(data, undefined, callback);
        else if (compress !== undefined) ws.send(data, { compress }, callback);
        else if (callback === undefined) ws.send(data);
        else ws.send(data, callback);
      },
      () => {
        scribble(data);
        session.place('sent');
      },
    );
  }

  /** Ends every pause. */
  release({ ws, ledger }) {
    ledger.isPaused = false;
    ws._socket?.resume();
    ws.resume();
  }

  /** The end of a program that has none. */
  finish({ ws, ledger }) {
    ledger.onUserEnd('close', { code: 1000, reason: 'finale' }, false);
    ws.close(1000, 'finale');
  }

  get lastSteps() {
    return [LAST_SEND, { do: 'terminate' }];
  }

  unsettled() {
    return [];
  }

  abandon({ ws }) {
    if (ws !== null && ws.readyState !== 3) ws.terminate();
  }
}

/**
 * npm `ws` ends a connection that has many Pings in one read, or while it cannot write. So its limit is on in programs in
 * which neither can be.
 */
function mostPongs({ script, user, transport, compression }) {
  const readsAlways = script.every((step) => step.do !== 'stop' && step.do !== 'slow');
  const hasFewPings = script.every((step) => step.do !== 'frames' || bytesPerPing(step) >= 4096);
  // A Pong waits for what is compressed before it.
  if (compression) return 0;
  // What a pause has gathered is one read in this respect.
  const isPaused = user.some((step) => step.do === 'pause' || step.do === 'socketPause');
  const sent = user.reduce((sum, { size = 0, times = 1 }) => sum + size * times, 0);
  return transport === 'tcp' && readsAlways && hasFewPings && !isPaused && sent < 16_384 ? 60 : 0;
}

function bytesPerPing({ list, times }) {
  const pings = list.reduce(
    (sum, { op, parts = 1, between }) => sum + (op === 'ping' ? 1 : between ? parts - 1 : 0),
    0,
  );
  const bytes = list.reduce((sum, { op, size }) => sum + (op === 'ping' ? 0 : size), 0);
  return pings * times < 20 ? Number.POSITIVE_INFINITY : bytes / pings;
}

/** What npm `ws` promises, as far as it differs from what `wasock/ws` does. */
export const NPM_WS = {
  name: 'npm ws',
  // It tells the rest of a read after a pause.
  holdsPause: false,
  // Buffered writes share the context of the one that was written last.
  keepsContexts: false,
  readsThoughPaused: false,
  isExactAtTheEnd: false,
  tellsAllReceived: false,
};

export const WASOCK_WS = {
  name: 'wasock/ws',
  holdsPause: true,
  keepsContexts: true,
  readsThoughPaused: true,
  isExactAtTheEnd: true,
  tellsAllReceived: true,
};
