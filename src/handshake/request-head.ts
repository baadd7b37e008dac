import { type FieldLines, fieldLines, onlyLine } from './header-values.js';

/** A request head that is as plain as can be: see `parseRequestHead`. */
export class RequestHead {
  readonly method = 'GET';
  readonly httpVersion = '1.1';
  /** As received, with the empty line at its end: Latin-1. */
  readonly text: string;
  /** The request target, in origin-form. */
  readonly url: string;
  /** Names and values in turn, as received. */
  readonly rawHeaders: string[];
  readonly lines: FieldLines;

  /** @internal */
  constructor(text: string, url: string, rawHeaders: string[], lines: FieldLines) {
    this.text = text;
    this.url = url;
    this.rawHeaders = rawHeaders;
    this.lines = lines;
  }
}

const REQUEST_LINE = /^GET (\/[!"$-~]*) HTTP\/1\.1\r\n/;

/** A token, one space at most, and a value of visible ASCII that has spaces only in between; or the end of the head. */
const FIELD_LINE = /(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([!-~](?:[ -~]*[!-~])?))?\r\n/y;

const REQUIRED: readonly string[] = ['host', 'sec-websocket-key', 'sec-websocket-version'];

/** What announces a body, or asks for something before the answer. */
const UNUSUAL: readonly string[] = ['content-length', 'transfer-encoding', 'expect', 'trailer', 'proxy-connection'];

/**
 * Recognises the head of an opening handshake that is complete and has nothing about it on which two parsers could
 * differ: every HTTP parser takes what this takes, and reads it in the same way. All else is for node:http to judge.
 *
 * @param text the first octets of a connection, as Latin-1
 * @param maxLength octets that a head may have
 * @returns `null` for all else
 */
export function parseRequestHead(text: string, maxLength: number): RequestHead | null {
  const requestLine = REQUEST_LINE.exec(text);
  if (requestLine === null) return null;
  const rawHeaders: string[] = [];
  FIELD_LINE.lastIndex = requestLine[0].length;
  for (;;) {
    const fieldLine = FIELD_LINE.exec(text);
    if (fieldLine === null) return null;
    const name = fieldLine[1];
    if (name === undefined) break;
    rawHeaders.push(name, fieldLine[2]);
  }
  const length = FIELD_LINE.lastIndex;
  if (length > maxLength) return null;
  const lines = fieldLines(rawHeaders);
  return isOpeningHandshake(lines) ? new RequestHead(text.slice(0, length), requestLine[1], rawHeaders, lines) : null;
}

function isOpeningHandshake(lines: FieldLines): boolean {
  const connection = onlyLine(lines, 'connection')?.toLowerCase();
  return (
    onlyLine(lines, 'upgrade')?.toLowerCase() === 'websocket' &&
    (connection === 'upgrade' || connection === 'keep-alive, upgrade') &&
    REQUIRED.every((name) => onlyLine(lines, name) !== undefined) &&
    !UNUSUAL.some((name) => lines.has(name))
  );
}
