import { CloseCode } from './close-code.js';
import type { CloseStatus } from './close-payload.js';
import type { CloseResult } from './errors.js';
import type { Role } from './frame-rules.js';

/*
 * How a connection closes (RFC 6455 §7). A Close is sent once, and only by a connection that is open.
 *
 * | event                            | open                               | closing                  | reported         |
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
 * `closeTimeout` runs from the first of these events on. Data received after our own Close is discarded. Data received
 * before the transport was lost is still handed over. The head of ws/wire/wire.ts says how `wasock/ws` differs.
 */

/** What starts the closing of a connection, or moves it on. */
export type ClosingEvent = 'close' | 'peer close' | 'peer end' | 'fail';

/** What to do about an event, in this order. */
interface ClosingStep {
  /** Discard whatever still arrives. */
  readonly discards: boolean;
  /** Send a Close frame. */
  readonly sendsClose: boolean;
  /** Read on even if paused: only reading shows the peer's Close. */
  readonly reads: boolean;
  /** Send FIN. */
  readonly ends: boolean;
}

interface ClosingRule {
  readonly discards: boolean;
  readonly sendsClose: boolean;
  readonly reads: boolean;
  /**
   * §7.1.1: the server closes the TCP connection first, and the client waits for that, within limits. §7.1.7: an
   * endpoint that fails the connection does not wait.
   */
  readonly ends: 'always' | 'server, both Closes through';
}

const RULES: Readonly<Record<ClosingEvent, ClosingRule>> = {
  close: { discards: false, sendsClose: true, reads: true, ends: 'server, both Closes through' },
  'peer close': { discards: true, sendsClose: true, reads: false, ends: 'server, both Closes through' },
  'peer end': { discards: false, sendsClose: false, reads: false, ends: 'always' },
  fail: { discards: true, sendsClose: true, reads: true, ends: 'always' },
};

/** After these close codes nothing is missing: with them, a peer says that it is done. */
const PLAIN_ENDS: readonly number[] = [CloseCode.Normal, CloseCode.GoingAway, CloseCode.NoStatus];

/** A connection is closing from its first closing event until everything received is handled. */
export type ConnectionState = 'open' | 'closing' | 'closed';

/** The closing of one connection: what has happened, and what to do next. It knows no socket. */
export class Closing {
  #state: ConnectionState = 'open';
  /** The event that began the closing; `null` before, and if neither side closed. */
  #begunBy: ClosingEvent | 'abandon' | null = null;
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

  /** Whether received data is delivered. It is not after our own Close. It still is after the transport was lost. */
  get delivers(): boolean {
    return this.#state === 'open' || (this.#isLost && !this.#sent);
  }

  /** Takes an event. @returns what to do. Of the steps of earlier events, only FIN may be asked for again */
  on(event: ClosingEvent, role: Role): ClosingStep {
    const { discards, sendsClose, reads, ends } = RULES[event];
    // §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame", nor a second one.
    const sends = sendsClose && this.#state === 'open';
    if (sends) this.#sent = true;
    if (this.#state === 'open') this.#begin(event);
    const isThrough = role === 'server' && this.#sent && this.#received !== null;
    return { discards, sendsClose: sends, reads, ends: ends === 'always' || isThrough };
  }

  /** The peer has sent a Close. */
  get isReceived(): boolean {
    return this.#received !== null;
  }

  /** Records the peer's Close. The first one counts (§7.1.5). */
  onReceived(status: CloseStatus): void {
    this.#received ??= status;
  }

  /** This side ends the connection at once. */
  abandon(): void {
    if (this.#state === 'open') this.#begin('abandon');
  }

  #begin(event: ClosingEvent | 'abandon'): void {
    this.#state = 'closing';
    this.#begunBy = event;
  }

  /** The TCP connection ended before everything we sent had left, including our Close. */
  onIncomplete(): void {
    this.#isIncomplete = true;
  }

  /** The transport is closed. What it brought before that must still be handled. */
  onLost(): void {
    this.#isLost = true;
    if (this.#state === 'open') this.#state = 'closing';
    if (!this.#sent) this.#isIncomplete = true;
  }

  /** Everything is handled (§7.1.4). */
  onClosed(): void {
    this.#state = 'closed';
  }

  /**
   * Whether a loop over the messages ends without an error: this side has closed, or the peer has, with one of
   * `PLAIN_ENDS`. It does not if this side has failed the connection, or has left without a Close.
   */
  get isOrderly(): boolean {
    if (this.#begunBy === 'close') return true;
    const isBroken = this.#begunBy === 'fail' || this.#begunBy === 'abandon';
    return !isBroken && PLAIN_ENDS.includes(this.result().closeCode);
  }

  /** How the connection ended (§7.1.5, §7.1.6). */
  result(): CloseResult {
    const { closeCode, reason } = this.#received ?? { closeCode: CloseCode.Abnormal, reason: '' };
    return { closeCode, reason, wasClean: this.#received !== null && this.#sent && !this.#isIncomplete };
  }
}

/**
 * §5.5.1: an answer "typically echos the status code it received".
 *
 * @returns `undefined` if that Close frame has no code
 */
export function echoedCode({ closeCode }: CloseStatus): number | undefined {
  return closeCode === CloseCode.NoStatus ? undefined : closeCode;
}
