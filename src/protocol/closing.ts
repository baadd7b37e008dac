import { CloseCode } from './close-code.js';
import type { CloseStatus } from './close-payload.js';
import type { CloseResult } from './errors.js';

/** The closing handshake of one connection (RFC 6455 §7): which Close frames went which way. */
export class ClosingHandshake {
  #sent = false;
  #lost = false;
  #received: CloseStatus | null = null;

  /** Whether our Close frame was sent. §5.5.1: after it no data frame may be sent, and no second one. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Whether the peer's Close frame was received. What comes after it is not looked at. */
  get received(): boolean {
    return this.#received !== null;
  }

  onSent(): void {
    this.#sent = true;
  }

  /** The TCP connection ended before all that was sent had left, our Close frame among it. */
  onLost(): void {
    this.#lost = true;
  }

  /** @returns the code to answer with, `undefined` for a Close frame without one; §5.5.1: "it typically echos the status code it received". */
  onReceived(status: CloseStatus): number | undefined {
    this.#received ??= status;
    return status.closeCode === CloseCode.NoStatus ? undefined : status.closeCode;
  }

  /** How the connection has ended, once its TCP connection is closed (§7.1.4 to §7.1.6). */
  result(): CloseResult {
    if (this.#received === null) return { closeCode: CloseCode.Abnormal, reason: '', wasClean: false };
    return { closeCode: this.#received.closeCode, reason: this.#received.reason, wasClean: this.#sent && !this.#lost };
  }
}
