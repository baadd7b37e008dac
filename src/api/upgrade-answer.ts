import type { Accepted, ExtraHeaders, Refusal } from '../handshake/server.js';
import { quoted } from '../protocol/quoted.js';

/** What an `upgrade` handler returns for a request that it accepts. Any other property is an error. */
export interface UpgradeAnswer<UserData> {
  /** The value of `ws.data`. Default undefined. */
  data?: UserData;
  /**
   * The subprotocol to use (RFC 6455 §1.9): one of those that the client offers. If it offers none, this is ignored.
   * Default none.
   */
  protocol?: string;
  /** Further headers of the 101: a record, or pairs if a name must appear twice. Default none. */
  headers?: ExtraHeaders;
}

/** What an `upgrade` handler may return: an answer or nothing to accept the request, or a refusal from `refuse`. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed as returning void
export type UpgradeResult<UserData> = UpgradeAnswer<UserData> | Refusal | undefined | void;

const ANSWER_KEYS: readonly string[] = ['data', 'protocol', 'headers'];

/**
 * Checks what an `upgrade` handler returned. A value that looks like a refusal, such as `false` or `{ status: 401 }`,
 * must not accept a client.
 *
 * @throws TypeError if `result` is not an answer
 */
export function checkAnswer<UserData>(result: Exclude<UpgradeResult<UserData>, Refusal>): UpgradeAnswer<UserData> {
  if (result === undefined) return {};
  if (typeof result === 'object' && result !== null) {
    const unknown = Object.keys(result).find((key) => !ANSWER_KEYS.includes(key));
    if (unknown === undefined) return result;
    throw new TypeError(`The upgrade handler returned an object with ${unknown}: pass that as data, or use refuse()`);
  }
  throw new TypeError(`The upgrade handler returned ${quoted(result)}: it may return an object, refuse() or nothing`);
}

/**
 * RFC 6455 §4.2.2: the server may choose only a subprotocol that the client offers. A client that offers none gets
 * none.
 *
 * @throws TypeError if the client does not offer `protocol`
 */
export function agreedProtocol({ protocols }: Accepted, protocol: string | undefined): string {
  if (protocol === undefined || protocols.length === 0) return '';
  if (protocols.includes(protocol)) return protocol;
  throw new TypeError(
    `The upgrade handler chose protocol ${JSON.stringify(protocol)}, which is not among: ${protocols.join(', ')}`,
  );
}
