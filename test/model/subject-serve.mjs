import { connectPeer, listeningHttpServer, TLS_OPTIONS, watchConnections } from './connections.mjs';
import { current } from './session.mjs';
import { WasockSubject } from './subject-wasock.mjs';

const TEXT = 1;
const TOPIC = 'model';

/** Handler style: `serve`, on a server of its own or on one that it shares. */
export class ServeSubject extends WasockSubject {
  #ports = new Map();
  #servers = new Map();

  constructor(lib) {
    super(lib, { name: 'serve', tellsControl: true });
  }

  async open(session) {
    const key = this.keyOf(session.program);
    if (!this.#ports.has(key)) this.#ports.set(key, await this.#serve(session.program));
    connectPeer(session, this.#ports.get(key));
  }

  async #serve(program) {
    const { transport, variant } = program;
    const options = { ...this.optionsFor(program), ...this.#handlers() };
    const publishThrough = (server) => this.#servers.set(this.keyOf(program), server);
    if (variant === 'zeroCopy') options.zeroCopy = true;
    if (variant === 'bytes') options.textAs = 'bytes';
    if (variant === 'shared') {
      const server = await listeningHttpServer(transport);
      watchConnections(server);
      publishThrough(await this.lib.serve({ ...options, server }));
      return server.address().port;
    }
    const tls = transport === 'tls' ? TLS_OPTIONS : undefined;
    const server = await this.lib.serve({ ...options, tls, host: '127.0.0.1' });
    publishThrough(server);
    return server.port;
  }

  transmit(session, kind, data, via, compress) {
    if (via !== 'publish') return super.transmit(session, kind, data, via, compress);
    const isOpen = this.isOpen(session.ws);
    const count = this.#servers
      .get(this.keyOf(session.program))
      .publish(TOPIC, data, compress === undefined ? undefined : { compress });
    if (count !== Number(isOpen)) session.ledger.fail('published once', `to ${count} sockets`);
    return undefined;
  }

  #handlers() {
    const sessionOf = (ws) => (current.session?.ws === ws ? current.session : null);
    const tell = (ws, kind, data, place) => {
      const session = sessionOf(ws);
      if (session === null) return;
      session.ledger.onTold(kind, data);
      session.place(place);
    };
    return {
      open: (ws) => this.#onOpen(ws),
      message: (ws, data, opcode) => tell(ws, opcode === TEXT ? 'text' : 'bytes', data, 'message'),
      ping: (ws, data) => {
        sessionOf(ws)?.ledger.onPongDue(Buffer.from(data));
        tell(ws, 'ping', data, 'ping');
      },
      pong: (ws, data) => tell(ws, 'pong', data, 'pong'),
      close: (ws, code, reason) => {
        const session = sessionOf(ws);
        session?.ledger.onClose(code, reason);
        session?.place('close');
      },
      error: (error, ws) => sessionOf(ws)?.ledger.onToldError(error),
    };
  }

  #onOpen(ws) {
    const { session } = current;
    if (session === null || session.ws !== null) return ws.hangup();
    session.ws = ws;
    session.ledger.isOpen = true;
    ws.subscribe(TOPIC);
    session.place('open');
  }
}
