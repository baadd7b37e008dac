import { FieldLines, onlyLine, TCHAR } from './header-values.js';

/** A request head that is as plain as can be: see `parseRequestHead`. */
export class ParsedHead {
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

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const TILDE = 0x7e;

const REQUEST_LINE = /^GET (\/[!"$-~]*) HTTP\/1\.1\r\n/;

const REQUIRED: readonly string[] = ['host', 'sec-websocket-key', 'sec-websocket-version'];

/** What announces a body, or asks for something before the answer. */
const UNUSUAL: readonly string[] = ['content-length', 'transfer-encoding', 'expect', 'trailer', 'proxy-connection'];

/**
 * Recognises the head of an opening handshake that is complete and has nothing about it on which two parsers could
 * differ: every HTTP parser takes what this takes, and reads it in the same way. All else is for node:http to judge.
 *
 * @param text the first bytes of a connection, as Latin-1
 * @param maxLength bytes that a head may have
 * @returns `null` for all else
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
 * Lines of a token, a colon, one space at most, and a value of visible ASCII that has spaces only in between. By hand,
 * since a pattern would leave an array behind for each line.
 *
 * @returns where the head ends, behind the empty line; 0 for all else
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

/** Behind visible ASCII and spaces. */
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
