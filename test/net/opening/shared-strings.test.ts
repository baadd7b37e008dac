import { expect, test } from 'vitest';
import { shareAddress, shareStrings } from '../../../src/net/opening/shared-strings.js';
import { heldMemory } from '../../support/memory.js';

/** A string that nothing else has part in. */
const fresh = (text: string) => Buffer.from(text, 'latin1').toString('latin1');

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36';
const LINES = ['Host', 'localhost', 'User-Agent', AGENT, 'Sec-WebSocket-Version', '13', 'Upgrade', 'websocket'];

test('the header lines say what they said', () => {
  const lines = [...LINES, 'sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Cookie', 'sid=1', 'X-Own', 'mine', 'Host'];
  const shared = lines.map(fresh);
  for (let i = 0; i < 3; i++) shareStrings(shared);
  expect(shared).toEqual(lines);
});

test('requests that are kept share what they have in common', () => {
  const kept: string[][] = [];
  const bytesOf = (count: number, share: (lines: string[]) => void) => {
    const before = heldMemory().heap;
    for (let i = 0; i < count; i++) {
      const lines = LINES.map(fresh);
      share(lines);
      kept.push(lines);
    }
    return (heldMemory().heap - before) / count;
  };
  bytesOf(1000, shareStrings);
  const alone = bytesOf(20_000, () => {});
  // Eight strings, one of them of 100 characters.
  expect(bytesOf(20_000, shareStrings)).toBeLessThan(alone - 200);
  expect(kept).toHaveLength(41_000);
});

test('connections of one address share its string, and however many addresses there are, each stays itself', () => {
  const kept: string[] = [];
  const bytesOf = (count: number, share: (address: string) => string) => {
    const before = heldMemory().heap;
    for (let i = 0; i < count; i++) kept.push(share(fresh('2001:db8:85a3:1234:5678:8a2e:370:7334')));
    return (heldMemory().heap - before) / count;
  };
  const alone = bytesOf(20_000, (address) => address);
  expect(bytesOf(20_000, shareAddress)).toBeLessThan(alone - 40);
  expect(kept).toHaveLength(40_000);
  for (let i = 0; i < 3000; i++) expect(shareAddress(`2001:db8::${i}`)).toBe(`2001:db8::${i}`);
});

test('what is secret, unknown, long or new each time is not kept', () => {
  const secrets = (i: number) => [
    'Cookie',
    `sid=${i}`,
    'Authorization',
    `Bearer ${i}`,
    'Sec-WebSocket-Protocol',
    `t${i}`,
  ];
  const lines = (i: number) => [
    ...secrets(i),
    `X-${i}`,
    `${i}`,
    'User-Agent',
    `${i} ${'x'.repeat(300)}`,
    'Origin',
    `http://${i}`,
  ];
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) shareStrings(lines(i).map(fresh));
  };
  rounds(3000);
  const before = heldMemory().heap;
  rounds(30_000);
  // One string of each round is 900 kB. V8's own memory wavers by 300 KiB.
  expect(heldMemory().heap - before).toBeLessThan(600_000);
});

test('what was cut from the head of a request does not keep that head', () => {
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      const head = fresh(
        `User-Agent: agent number ${i} of many\r\nSec-WebSocket-X-${i}: 1\r\nCookie: ${'s'.repeat(15_000)}`,
      );
      const [agent, other, cookie] = head.split('\r\n').map((line) => line.split(': '));
      shareStrings([...agent, ...other, ...cookie]);
    }
  };
  rounds(10);
  const before = heldMemory().heap;
  rounds(900);
  expect(heldMemory().heap - before).toBeLessThan(1_000_000);
});
