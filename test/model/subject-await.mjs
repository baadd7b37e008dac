import net from 'node:net';
import { connectPeer, listeningHttpServer, peerUrl, watchConnections } from './connections.mjs';
import { current } from './session.mjs';
import { WasockSubject } from './subject-wasock.mjs';
import { inTurn } from './turns.mjs';

/** Await style: `newWebSocket` of a client, and of a server by `acceptUpgrades`. */
export class AwaitSubject extends WasockSubject {
  #ports = new Map();

  constructor(lib) {
    // What waits in the queue may be received while the socket does not read.
    super(lib, { name: 'await', tellsControl: false, holdsPause: false, tellsAfterClose: true });
  }

  async open(session) {
    const { program } = session;
    const { transport, role, variant } = program;
    if (role === 'server') {
      const key = this.keyOf(program);
      if (!this.#ports.has(key)) this.#ports.set(key, await this.#accept(program));
      return connectPeer(session, this.#ports.get(key));
    }
    const options = { ...this.optionsFor(program), rejectUnauthorized: false };
    if (transport === 'tcp' && variant === 'own socket') {
      options.createConnection = (to) => {
        session.socket = net.connect(to);
        session.place('connection');
        return session.socket;
      };
    }
    const opening = this.lib.newWebSocket(await peerUrl(session), [], options);
    opening.then((ws) => this.#onOpen(session, ws)).catch((error) => session.ledger.fail('opens', error.stack));
  }

  async #accept(program) {
    const server = await listeningHttpServer(program.transport);
    watchConnections(server);
    server.on('request', async (request) => {
      const { session } = current;
      const ws = await this.lib.newWebSocket(request);
      if (session === null || session.ws !== null) return ws.hangup();
      const handled = new Promise((resolve, reject) => {
        session.kept.throw = reject;
        ws.closed.then(resolve);
      });
      this.#onOpen(session, ws);
      await handled;
    });
    this.lib.acceptUpgrades(server, {
      ...this.optionsFor(program),
      onError: (error, ws) => current.session?.ws === ws && current.session?.ledger.onToldError(error),
    });
    return server.address().port;
  }

  #onOpen(session, ws) {
    const { ledger, kept } = session;
    session.ws = ws;
    kept.reading = Promise.resolve();
    ledger.isOpen = true;
    ws.closed.then(({ closeCode, reason }) => {
      ledger.onClose(closeCode, reason);
      this.#place(session, 'close');
    });
    this.#place(session, 'open');
  }

  /** The n-th event of a kind. What a step throws ends the handler of the request. */
  #place(session, event) {
    try {
      session.place(event);
    } catch (error) {
      const { ledger, kept } = session;
      const { throw: end } = kept;
      // A handler that has ended already ends no more.
      kept.throw = undefined;
      if (end !== undefined && ledger.closes.length === 0) end(error);
      else ledger.thrown.pop();
    }
  }

  act(session, step) {
    const { kept, ws } = session;
    if (ws === null) super.act(session, step);
    else if (step.do === 'receive') kept.reading = kept.reading.then(() => this.#receive(session));
    else if (step.do === 'consume') this.#consume(session, step.pace);
    else super.act(session, step);
  }

  /** Receives one message. @returns whether there was one */
  async #receive(session) {
    const { ws, ledger, kept } = session;
    if (kept.ended) return false;
    try {
      const { opcode, data } = await ws.receivePacket();
      this.#onMessage(session, opcode === 1 ? 'text' : 'bytes', data);
      return true;
    } catch (error) {
      if (!this.isClosedError(error)) ledger.fail('promises', `receivePacket was rejected: ${error?.stack ?? error}`);
      kept.ended = true;
      return false;
    }
  }

  #onMessage(session, kind, data) {
    if (session.kept.ended) session.ledger.fail('nothing after the end', kind);
    session.ledger.onTold(kind, data);
    this.#place(session, 'message');
  }

  /** Receives all that comes. @param pace the turn in which it asks for the next */
  #consume(session, pace) {
    const { kept } = session;
    if (kept.consumes) return;
    kept.consumes = true;
    kept.reading = kept.reading.then(() =>
      pace === 'loop' ? this.#iterate(session) : this.#receiveAll(session, pace),
    );
  }

  async #receiveAll(session, pace) {
    while (await this.#receive(session)) {
      // Whoever is slow is so for a while only, or a long burst would take for ever.
      if (session.ledger.told < 40) await new Promise((resolve) => inTurn(pace, resolve));
    }
  }

  async #iterate(session) {
    const { ws, ledger, kept } = session;
    if (kept.ended) return;
    try {
      for await (const data of ws) this.#onMessage(session, typeof data === 'string' ? 'text' : 'bytes', data);
    } catch (error) {
      if (!this.isClosedError(error)) ledger.fail('promises', `the iteration threw: ${error?.stack ?? error}`);
    }
    kept.ended = true;
  }

  release(session) {
    super.release(session);
    this.#consume(session, 'loop');
  }

  unsettled(session) {
    return [...super.unsettled(session), ...(session.kept.ended ? [] : ['the last receive'])];
  }
}
