import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import { type Refusal, refusalFor } from '../../handshake/refusal.js';
import { quoted } from '../../protocol/quoted.js';
import type { PendingUpgrade } from './pending-upgrade.js';

/** `Infinity` is unlimited. */
export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Where a request comes from; `undefined` for the address of its TCP connection. */
  readonly addressOf: ((request: IncomingMessage) => string | undefined) | undefined;
}

/** Counts the WebSockets of one server, pending opening handshakes included, in all and by address. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #open: { readonly size: number };
  #underWay = 0;
  readonly #byAddress = new Map<string, number>();

  /** @param open the open sockets */
  constructor(limits: AdmissionLimits, open: { readonly size: number }) {
    this.#limits = limits;
    this.#open = open;
  }

  /**
   * Counts a handshake until `settle`. If its socket opens, `enter` has to be called in the same turn.
   *
   * @returns a refusal, if there are too many; `null` otherwise
   * @throws what `addressOf` throws, and a TypeError if it returns anything but a string or `undefined`
   */
  admit(pending: PendingUpgrade): Refusal | null {
    this.#underWay++;
    pending.isCounted = true;
    if (this.#limits.maxConnectionsPerAddress !== Number.POSITIVE_INFINITY) {
      pending.address = this.#addressOf(pending);
      this.enter(pending.address);
    }
    if (this.#open.size + this.#underWay > this.#limits.maxConnections) {
      return refusalFor('connections', 503, { body: 'Too many connections are open\n' });
    }
    if (this.#countOf(pending.address) > this.#limits.maxConnectionsPerAddress) {
      return refusalFor('address', 429, { body: 'Too many connections come from your address\n' });
    }
    return null;
  }

  settle(pending: PendingUpgrade): void {
    if (!pending.isCounted) return;
    this.#underWay--;
    this.leave(pending.address);
  }

  #addressOf(pending: PendingUpgrade): string | undefined {
    const { addressOf } = this.#limits;
    const address: unknown = addressOf === undefined ? pending.remoteAddress : addressOf(pending.request.message);
    if (address === undefined) return undefined;
    if (typeof address === 'string') return networkOf(address);
    throw new TypeError(`addressOf must return a string or undefined, not ${quoted(address)}`);
  }

  #countOf(address: string | undefined): number {
    return address === undefined ? 0 : (this.#byAddress.get(address) ?? 0);
  }

  /** A socket from this address is open. @param address of its handshake */
  enter(address: string | undefined): void {
    if (address !== undefined) this.#byAddress.set(address, this.#countOf(address) + 1);
  }

  /** A socket from this address is closed. */
  leave(address: string | undefined): void {
    if (address === undefined) return;
    const count = this.#countOf(address) - 1;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }
}

/**
 * What counts as one address: an IPv4 address, also one that is mapped into IPv6; of other IPv6 addresses the first 64
 * bits, because one subscriber has all of them (RFC 6177 §2); any other text as it is.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address.split('%', 1)[0]);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return [groups[6] >> 8, groups[6] & 0xff, groups[7] >> 8, groups[7] & 0xff].join('.');
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The eight groups of 16 bits of a valid IPv6 address (RFC 4291 §2.2). */
function groupsOf(address: string): number[] {
  const [head, tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':').flatMap(numbersOf)));
  if (tail === undefined) return head;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** One group; or two, if the last 32 bits are written as an IPv4 address. */
function numbersOf(group: string): number[] {
  if (!isIPv4(group)) return [Number.parseInt(group, 16)];
  const [a, b, c, d] = group.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}
