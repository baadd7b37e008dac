import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ParsedHead, parseRequestHead } from '../../handshake/request-head.js';
import type { UpgradeRequest } from '../../handshake/server.js';
import { buildRequest } from '../node/incoming-message.js';

/**
 * One upgrade request and its socket. node:http has made an `IncomingMessage` of it, or the text of its head was read without
 * node:http: then the message is made when somebody first wants it.
 */
export class RequestHead {
  readonly socket: Duplex;
  /** The message, or the text that it is to be made of. */
  #source: IncomingMessage | string;
  /** What the text says, until `release`. */
  #parsed: ParsedHead | null = null;

  /** @param source what node:http has made, or what was read without it */
  constructor(source: IncomingMessage | ParsedHead, socket: Duplex) {
    this.socket = socket;
    if (source instanceof ParsedHead) {
      this.#parsed = source;
      this.#source = source.text;
    } else this.#source = source;
  }

  /** The request as node:http has it. */
  get message(): IncomingMessage {
    if (typeof this.#source === 'string') this.#source = buildRequest(this.#head(this.#source), this.socket);
    return this.#source;
  }

  /** What the rules of the opening handshake look at. */
  get fields(): UpgradeRequest {
    return typeof this.#source === 'string' ? this.#head(this.#source) : this.#source;
  }

  #head(text: string): ParsedHead {
    this.#parsed ??= parseRequestHead(text, text.length)!;
    return this.#parsed;
  }

  /** The handshake is over: what is kept for as long as the connection lives is the text. */
  release(): void {
    this.#parsed = null;
  }
}
