import { FieldLines, onlyLine, TCHAR } from './header-values.js';

/** A head without anything unusual: one that `parseRequestHead` accepts. */
export class ParsedHead {
  readonly method = 'GET';
  readonly httpVersion = '1.1';
  /** The head as it was received, with the empty line at its end, as Latin-1. */
  readonly text: string;
  /** The request target, in origin-form. */
  readonly url: string;
  /** Names and values in turn, as they were received. */
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

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const TILDE = 0x7e;

const REQUEST_LINE = /^GET (\/[!"$-~]*) HTTP\/1\.1\r\n/;

const REQUIRED: readonly string[] = ['host', 'sec-websocket-key', 'sec-websocket-version'];

/** Headers that announce a body, or ask for something before the answer. */
const UNUSUAL: readonly string[] = ['content-length', 'transfer-encoding', 'expect', 'trailer', 'proxy-connection'];

/**
 * Recognises the head of an opening handshake, if it is complete and so plain that every HTTP parser accepts it and
 * reads it in the same way. node:http judges everything else.
 *
 * @param text the first bytes of a connection, as Latin-1
 * @param maxLength bytes of the head, at most
 * @returns `null` for everything else
 */
export function parseRequestHead(text: string, maxLength: number): ParsedHead | null {
  const requestLine = REQUEST_LINE.exec(text);
  if (requestLine === null) return null;
  const rawHeaders: string[] = [];
  const length = readFields(text, requestLine[0].length, rawHeaders);
  if (length === 0 || length > maxLength) return null;
  const lines = new FieldLines(rawHeaders);
  return isOpeningHandshake(lines) ? new ParsedHead(text.slice(0, length), requestLine[1], rawHeaders, lines) : null;
}

/**
 * Reads lines of a token, a colon, at most one space, and a value of visible ASCII with spaces only inside. Written by
 * hand because a RegExp would allocate an array per line.
 *
 * @param rawHeaders gets names and values in turn
 * @returns where the head ends, after the empty line; 0 for everything else
 */
function readFields(text: string, start: number, rawHeaders: string[]): number {
  for (let at = start; ; ) {
    const nameEnd = tokenEnd(text, at);
    if (nameEnd === at) return isLineEnd(text, at) ? at + 2 : 0;
    if (text.charCodeAt(nameEnd) !== COLON) return 0;
    const valueStart = text.charCodeAt(nameEnd + 1) === SPACE ? nameEnd + 2 : nameEnd + 1;
    const valueEnd = visibleEnd(text, valueStart);
    const isPlain = valueEnd > valueStart && text.charCodeAt(valueStart) !== SPACE;
    if (!isPlain || text.charCodeAt(valueEnd - 1) === SPACE || !isLineEnd(text, valueEnd)) return 0;
    rawHeaders.push(text.slice(at, nameEnd), text.slice(valueStart, valueEnd));
    at = valueEnd + 2;
  }
}

function tokenEnd(text: string, at: number): number {
  while (TCHAR[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** @returns the index after visible ASCII and spaces */
function visibleEnd(text: string, at: number): number {
  for (let code = text.charCodeAt(at); code >= SPACE && code <= TILDE; code = text.charCodeAt(at)) at++;
  return at;
}

function isLineEnd(text: string, at: number): boolean {
  return text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF;
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
