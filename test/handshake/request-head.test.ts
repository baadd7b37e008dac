import { describe, expect, test } from 'vitest';
import { parseRequestHead } from '../../src/handshake/request-head.js';

const LINES = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: server.example.com',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

function textOf(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** The head of RFC 6455 §1.3 with one line instead of another, or with one more. */
function changed(line: string, instead?: string): string {
  const at = LINES.findIndex((each) => instead !== undefined && each.startsWith(instead));
  return textOf(at === -1 ? [...LINES, line] : LINES.with(at, line));
}

const parse = (text: string) => parseRequestHead(text, 16_384);

describe('a plain opening handshake', () => {
  test('is taken apart', () => {
    const text = textOf(LINES);
    const head = parse(text);
    const rawHeaders = LINES.slice(1).flatMap((line) => line.split(': '));
    expect(head).toMatchObject({ method: 'GET', httpVersion: '1.1', url: '/chat?room=1', rawHeaders, text });
    expect(LINES.slice(1).map((line) => head?.lines.get(line.split(':')[0].toLowerCase()))).toEqual(
      LINES.slice(1).map((line) => line.split(': ')[1]),
    );
  });

  test('ends where it ends: what comes behind it is no part of it', () => {
    const text = textOf(LINES);
    expect(parse(`${text}\x81\x80\r\n\r\n`)?.text).toBe(text);
  });

  test.each([
    ['as Firefox sends it', 'Connection: keep-alive, Upgrade', 'Connection'],
    ['in other cases', 'uPGRADE: WebSocket', 'Upgrade'],
    ['with spaces in a value', 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)', undefined],
    ['without a space behind the colon', 'Host:[::1]:8080', 'Host'],
    ['with another header twice', 'Host-Name: a\r\nHost-Name: b', undefined],
    ['with a key that is none: that is judged elsewhere', 'Sec-WebSocket-Key: abc', 'Sec-WebSocket-Key'],
    ['of another version: that is judged elsewhere', 'Sec-WebSocket-Version: 8', 'Sec-WebSocket-Version'],
  ])('%s', (_, line, instead) => {
    expect(parse(changed(line, instead))).not.toBeNull();
  });

  test('may be as long as it may be, and no octet longer', () => {
    const text = textOf(LINES);
    expect(parseRequestHead(text, text.length)).not.toBeNull();
    expect(parseRequestHead(text, text.length - 1)).toBeNull();
  });
});

describe('left to node:http', () => {
  test.each(LINES.map((line) => line.split(' ')[0]))('a head without its line %s', (name) => {
    expect(parse(textOf(LINES.filter((line) => !line.startsWith(name))))).toBeNull();
  });

  test.each(LINES.slice(1))('a head with two lines %s', (line) => {
    expect(parse(changed(line))).toBeNull();
  });

  test('a head that is cut off anywhere', () => {
    const text = textOf(LINES);
    for (let end = 0; end < text.length; end++) expect(parse(text.slice(0, end))).toBeNull();
  });

  test.each([
    ['another method', 'POST / HTTP/1.1', 'GET'],
    ['another method in lower case', 'get / HTTP/1.1', 'GET'],
    ['HTTP/1.0', 'GET / HTTP/1.0', 'GET'],
    ['HTTP/1.2', 'GET / HTTP/1.2', 'GET'],
    ['an empty line in front', '\r\nGET / HTTP/1.1', 'GET'],
    ['a target in absolute-form', 'GET http://server.example.com/ HTTP/1.1', 'GET'],
    ['a target with a fragment', 'GET /#there HTTP/1.1', 'GET'],
    ['a target with a space', 'GET /a b HTTP/1.1', 'GET'],
    ['a target outside of ASCII', 'GET /caf\xe9 HTTP/1.1', 'GET'],
    ['an asterisk', 'GET * HTTP/1.1', 'GET'],
    ['Content-Length', 'Content-Length: 0', undefined],
    ['Transfer-Encoding', 'transfer-encoding: chunked', undefined],
    ['Expect', 'Expect: 100-continue', undefined],
    ['Trailer', 'Trailer: X', undefined],
    ['Proxy-Connection', 'Proxy-Connection: close', undefined],
    ['another protocol beside websocket', 'Upgrade: websocket, h2c', 'Upgrade'],
    ['another protocol', 'Upgrade: h2c', 'Upgrade'],
    ['other connection options', 'Connection: close, Upgrade', 'Connection'],
    ['a line without a colon', 'X', undefined],
    ['a line without a name', ': x', undefined],
    ['a name with a space', 'X Y: z', undefined],
    ['a space in front of a colon', 'X : y', undefined],
    ['two spaces behind a colon', 'X:  y', undefined],
    ['a tab behind a colon', 'X:\ty', undefined],
    ['an empty value', 'X:', undefined],
    ['a space behind a value', 'X: y ', undefined],
    ['a tab in a value', 'X: y\tz', undefined],
    ['a folded line', 'X: y\r\n z', undefined],
    ['NUL', 'X: y\0', undefined],
    ['DEL', 'X: y\x7f', undefined],
    ['a value outside of ASCII', 'X: caf\xe9', undefined],
    ['a name outside of ASCII', 'caf\xe9: x', undefined],
    ['a bare LF', 'X: y\nZ: z', undefined],
    ['a bare CR', 'X: y\rZ: z', undefined],
  ])('%s', (_, line, instead) => {
    expect(parse(changed(line, instead))).toBeNull();
  });
});

test('takes time in proportion to the length, whatever it is full of', () => {
  // A pattern that looked back would take minutes for one of these.
  const long = 1_000_000;
  for (const filler of [' ', 'a', 'a ', ':', '\r\n', 'a: b\r\n', '\r', '-']) {
    const text = changed(`X: ${filler.repeat(long / filler.length)}\0`);
    expect(parse(text)).toBeNull();
  }
});
