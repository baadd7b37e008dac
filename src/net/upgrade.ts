import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { formatRefusal, type Refusal, refuse } from '../handshake/server.js';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';

/** How long a refused client has to read the answer and to close, in milliseconds. */
const REFUSED_LINGER = 800;

const NO_OCTETS = Buffer.alloc(0);
const nobody = () => false;

/**
 * A server's side of one opening handshake, from the `'upgrade'` event of node:http to its answer. It owns the socket in
 * between: errors of a client that leaves are caught, and an answer is given once.
 */
export class PendingUpgrade implements Timed {
  slot = 0;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Whether somebody else has begun to write an answer to the socket. */
  isAnswering: () => boolean = nobody;
  #head: Buffer;
  readonly #onSettled: () => void;
  #state: 'pending' | 'accepted' | 'refused' | 'gone' = 'pending';
  #abort: AbortController | null = null;

  /**
   * @param timeout milliseconds until the handshake is refused with 503; 0 for never
   * @param onSettled called once: when the answer is given, or the client has left
   */
  constructor(request: IncomingMessage, socket: Duplex, head: Buffer, timeout: number, onSettled: () => void) {
    this.request = request;
    this.socket = socket;
    this.#head = head;
    this.#onSettled = onSettled;
    socket.on('error', this.#onGone);
    socket.on('close', this.#onGone);
    socket.on('end', this.#onEnd);
    if (timeout > 0) scheduleDeadline(this, performance.now() + timeout);
  }

  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /** Hands over the octets that came behind the request: the client's first frames. They are not kept here. */
  takeHead(): Buffer {
    const head = this.#head;
    this.#head = NO_OCTETS;
    return head;
  }

  /** Whether the client has left before it got an answer. */
  get isGone(): boolean {
    return this.#state === 'gone' || this.socket.destroyed || this.socket.readableEnded;
  }

  /** Aborted when the client leaves, or is refused, while the answer is being thought about. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#state === 'gone' || this.#state === 'refused') this.#abort.abort();
    return this.#abort.signal;
  }

  /** Writes the 101; from now on the socket is a connection's. @param acceptance from `formatAcceptance` */
  accept(acceptance: string): void {
    this.#settle('accepted');
    this.isAnswering = nobody;
    this.socket.off('error', this.#onGone);
    this.socket.off('close', this.#onGone);
    this.socket.off('end', this.#onEnd);
    this.socket.write(acceptance, 'latin1');
  }

  /** Writes the refusal and ends the connection, whatever else the client has sent. */
  refuse(refusal: Refusal): void {
    if (this.#state !== 'pending') return;
    this.#settle('refused');
    this.#abort?.abort();
    this.socket.end(formatRefusal(refusal), 'utf8');
    this.#discardInput();
  }

  /** Ends a connection on which somebody else wrote the answer. */
  end(): void {
    if (this.#state !== 'pending') return;
    this.#settle('refused');
    this.#abort?.abort();
    this.socket.end();
    this.#discardInput();
  }

  onDeadline(): void {
    if (this.#state !== 'pending') this.socket.destroy();
    // An answer that has begun may take its time, as any other.
    else if (!this.isAnswering()) this.refuse(refuse(503, { body: 'The opening handshake took too long\n' }));
  }

  /** Octets left unread when a socket is closed make the kernel send RST, which would overtake our answer. */
  #discardInput(): void {
    this.socket.resume();
    scheduleDeadline(this, performance.now() + REFUSED_LINGER);
  }

  #settle(state: 'accepted' | 'refused' | 'gone'): void {
    this.#state = state;
    cancelDeadline(this);
    this.#onSettled();
  }

  /** Who sends FIN before the answer has closed its end, as a browser does whose user went on to another page. */
  readonly #onEnd = (): void => {
    if (this.#state === 'pending' && !this.isAnswering()) this.#onGone();
  };

  readonly #onGone = (): void => {
    if (this.#state === 'pending') {
      this.#settle('gone');
      this.#abort?.abort();
    }
    if (this.#state === 'refused') cancelDeadline(this);
    this.socket.destroy();
  };
}
