import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ParsedHead, parseRequestHead } from '../../handshake/request-head.js';
import type { UpgradeRequest } from '../../handshake/server.js';
import { buildRequest } from '../node/incoming-message.js';
import { shareStrings } from './shared-strings.js';

/** An upgrade request as it is kept while its connection lives: its message, or the text that it is made from. */
export type KeptRequest = IncomingMessage | string;

/**
 * One upgrade request and its socket. Either node:http has made an `IncomingMessage` of it, or its head was read
 * without node:http, and the message is made when it is first needed.
 */
export class RequestHead {
  readonly socket: Duplex;
  /** The message, or the text to make it from. */
  #source: KeptRequest;
  /** The parsed text, until `release`. */
  #parsed: ParsedHead | null = null;

  /** @param source the message of node:http, or a head that was read without it */
  constructor(source: IncomingMessage | ParsedHead, socket: Duplex) {
    this.socket = socket;
    if (source instanceof ParsedHead) {
      this.#parsed = source;
      this.#source = source.text;
    } else this.#source = source;
  }

  /** The request as a message of node:http. */
  get message(): IncomingMessage {
    if (typeof this.#source === 'string') this.#source = buildRequest(this.#head(this.#source), this.socket);
    return this.#source;
  }

  /** The request as the rules of the opening handshake need it. */
  get fields(): UpgradeRequest {
    return typeof this.#source === 'string' ? this.#head(this.#source) : this.#source;
  }

  /** Makes what is kept of the request small. @returns it, for `keptMessage` */
  keep(): KeptRequest {
    if (typeof this.#source !== 'string') shareStrings(this.#source.rawHeaders);
    return this.#source;
  }

  #head(text: string): ParsedHead {
    this.#parsed ??= parseWhole(text);
    return this.#parsed;
  }

  /** Frees what only the opening handshake needs. The text remains as long as the connection. */
  release(): void {
    this.#parsed = null;
  }
}

function parseWhole(text: string): ParsedHead {
  return parseRequestHead(text, text.length)!;
}

/** The message of a kept request. If it was a text, keep what this returns from then on. */
export function keptMessage(kept: KeptRequest, socket: Duplex): IncomingMessage {
  return typeof kept === 'string' ? buildRequest(parseWhole(kept), socket) : kept;
}
