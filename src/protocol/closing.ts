import { CloseCode } from './close-code.js';
import type { CloseStatus } from './close-payload.js';
import type { CloseResult } from './errors.js';
import type { Role } from './frame-rules.js';

/*
 * How a connection closes (RFC 6455 §7). A Close is sent once, and only by a connection that is open.
 *
 * | event                            | open                               | closing                  | told             |
 * | -------------------------------- | ---------------------------------- | ------------------------ | ---------------- |
 * | `close`: the user closes         | Close; read on for the peer's      | nothing                  |                  |
 * | `peer close`: its Close          | Close with its code; discard       | discard                  |                  |
 * |   both Closes are through        |                                    | server: FIN              |                  |
 * | `peer end`: its FIN              | FIN                                | FIN                      |                  |
 * | `fail`: a fault, a handler threw | Close with the reason, discard, FIN | discard, FIN            | error            |
 * | `abandon`: hangup, terminate     | discard, end both ways at once     | the same                 | terminate: error |
 * | `lost`: the transport is closed  | what was received, in slices       | the same                 |                  |
 * |   all of that is handled         |                                    | closed                   | close            |
 *
 * From the first of these on, `closeTimeout` counts. Data after our own Close is discarded; data before the loss of the
 * transport is still handed over. How `wasock/ws` differs stands at the head of ws/wire/wire.ts.
 */

/** What makes a connection close, or go on with that. */
export type ClosingEvent = 'close' | 'peer close' | 'peer end' | 'fail';

/** What is to be done about an event, in this order. */
export interface ClosingStep {
  /** Discard what is still to come. */
  readonly discards: boolean;
  /** Send a Close frame. */
  readonly sendsClose: boolean;
  /** Read on though paused: the peer's Close can only be seen by one who reads. */
  readonly reads: boolean;
  /** Send FIN. */
  readonly ends: boolean;
}

interface ClosingRule {
  readonly discards: boolean;
  readonly sendsClose: boolean;
  readonly reads: boolean;
  /** §7.1.1: the server closes the TCP connection first; the client waits for that, within limits. §7.1.7: who fails does not wait. */
  readonly ends: 'always' | 'server, both Closes through';
}

const RULES: Readonly<Record<ClosingEvent, ClosingRule>> = {
  close: { discards: false, sendsClose: true, reads: true, ends: 'server, both Closes through' },
  'peer close': { discards: true, sendsClose: true, reads: false, ends: 'server, both Closes through' },
  'peer end': { discards: false, sendsClose: false, reads: false, ends: 'always' },
  fail: { discards: true, sendsClose: true, reads: true, ends: 'always' },
};

export type ConnectionState = 'open' | 'closing' | 'closed';

/** The closing of one connection: what has happened, and what is to be done. Knows no socket. */
export class Closing {
  #state: ConnectionState = 'open';
  #sent = false;
  #isLost = false;
  #isIncomplete = false;
  #received: CloseStatus | null = null;

  get state(): ConnectionState {
    return this.#state;
  }

  /** The transport is closed. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether data is handed over: after our own Close it is of no use to anybody, after the loss of the transport it is. */
  get delivers(): boolean {
    return this.#state === 'open' || (this.#isLost && !this.#sent);
  }

  /** @returns what to do; nothing that was to be done before is asked for again, but for FIN */
  on(event: ClosingEvent, role: Role): ClosingStep {
    const { discards, sendsClose, reads, ends } = RULES[event];
    // §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame", nor a second one.
    const sends = sendsClose && this.#state === 'open';
    if (sends) this.#sent = true;
    if (this.#state === 'open') this.#state = 'closing';
    const isThrough = role === 'server' && this.#sent && this.#received !== null;
    return { discards, sendsClose: sends, reads, ends: ends === 'always' || isThrough };
  }

  /** The peer's Close says so. The first counts (§7.1.5). */
  onReceived(status: CloseStatus): void {
    this.#received ??= status;
  }

  /** The connection is ended at once. */
  abandon(): void {
    if (this.#state === 'open') this.#state = 'closing';
  }

  /** The TCP connection has ended before all that was sent had left, our Close among it. */
  onIncomplete(): void {
    this.#isIncomplete = true;
  }

  /** The transport is closed. What it brought before is still to be handled. */
  onLost(): void {
    this.#isLost = true;
    this.abandon();
    if (!this.#sent) this.#isIncomplete = true;
  }

  /** Everything is handled (§7.1.4). */
  onClosed(): void {
    this.#state = 'closed';
  }

  /** How the connection has ended (§7.1.5, §7.1.6). */
  result(): CloseResult {
    const { closeCode, reason } = this.#received ?? { closeCode: CloseCode.Abnormal, reason: '' };
    return { closeCode, reason, wasClean: this.#received !== null && this.#sent && !this.#isIncomplete };
  }
}

/** §5.5.1: an answer "typically echos the status code it received". @returns `undefined` for a Close frame without one */
export function echoedCode({ closeCode }: CloseStatus): number | undefined {
  return closeCode === CloseCode.NoStatus ? undefined : closeCode;
}
