import net from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission, networkOf } from '../../../src/net/opening/admission.js';
import type { PendingUpgrade } from '../../../src/net/opening/pending-upgrade.js';
import { SEED } from '../../support/codecs.js';

const octet = fc.nat(255);
const ipv4 = fc.tuple(octet, octet, octet, octet);
const group = fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
const groups = fc.tuple(group, group, group, group, group, group, group, group);

/** Ways to write one address (RFC 4291 §2.2): letters, leading zeros, a `::`, an embedded IPv4 address, a zone. */
const notation = fc.record({
  upper: fc.boolean(),
  zeros: fc.boolean(),
  compressAt: fc.nat(8),
  compressLength: fc.integer({ min: 1, max: 8 }),
  embeds: fc.boolean(),
  zone: fc.constantFrom('', '%eth0', '%1', '%a.b-c'),
});
type Notation = typeof notation extends fc.Arbitrary<infer T> ? T : never;

function write(
  address: readonly number[],
  { upper, zeros, compressAt, compressLength, embeds, zone }: Notation,
): string {
  const hex = (value: number) => value.toString(16).padStart(zeros ? 4 : 1, '0');
  const tail = [address[6] >> 8, address[6] & 255, address[7] >> 8, address[7] & 255].join('.');
  const words = embeds ? [...address.slice(0, 6).map(hex), tail] : address.map(hex);
  const values = embeds ? address.slice(0, 6) : address;
  let end = compressAt;
  while (end < Math.min(values.length, compressAt + compressLength) && values[end] === 0) end++;
  const text =
    end > compressAt ? `${words.slice(0, compressAt).join(':')}::${words.slice(end).join(':')}` : words.join(':');
  return (upper ? text.toUpperCase() : text) + zone;
}

/** What node:net makes of an address, which shares no code with ours. */
function sameNetwork(one: string, other: string): boolean {
  const list = new net.BlockList();
  list.addSubnet(one.split('%')[0], 64, 'ipv6');
  return list.check(other.split('%')[0], 'ipv6');
}

const isMapped = (address: readonly number[]) =>
  address.slice(0, 5).every((word) => word === 0) && address[5] === 0xffff;

describe('what counts as one address', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['0:0:0:0:0:ffff:192.0.2.255', '192.0.2.255'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::ffff:0:1.2.3.4', '0:0:0:0::/64'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['::8', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ])('of %s: %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test.each(['', 'user 5', '127.0.0.1:80', '[::1]', '::ffff:1.2.3.4.5', '1.2.3', '::1::', 'fe80::1%', '127.000.0.1'])(
    'of %j, which is no address: the text',
    (text) => {
      expect(networkOf(text)).toBe(text);
    },
  );

  test('one address is the same in every notation, and its network is that of 64 bits', () => {
    fc.assert(
      fc.property(groups, groups, notation, notation, fc.boolean(), (some, rest, first, second, isNear) => {
        const one = write(some, first);
        expect(net.isIPv6(one.split('%')[0])).toBe(true);
        expect(networkOf(write(some, second))).toBe(networkOf(one));
        const other = isNear ? [...some.slice(0, 4), ...rest.slice(4)] : rest;
        if (isMapped(some) || isMapped(other)) return;
        expect(networkOf(one) === networkOf(write(other, second))).toBe(sameNetwork(one, write(other, first)));
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test('a mapped IPv4 address is that address, in every notation', () => {
    fc.assert(
      fc.property(ipv4, notation, ([a, b, c, d], some) => {
        const mapped = [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d];
        expect(networkOf(write(mapped, some))).toBe([a, b, c, d].join('.'));
        expect(networkOf([a, b, c, d].join('.'))).toBe([a, b, c, d].join('.'));
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});

describe('counting', () => {
  const pendingFrom = (remoteAddress: string | undefined) =>
    ({ remoteAddress, isCounted: false, address: undefined, request: { message: {} } }) as unknown as PendingUpgrade;
  const limits = (some: object) => ({
    maxConnections: Number.POSITIVE_INFINITY,
    maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
    addressOf: undefined,
    ...some,
  });

  test('pending handshakes and open sockets count together', () => {
    const open = { size: 1 };
    const admission = new Admission(limits({ maxConnections: 3 }), open);
    const [first, second, third] = [pendingFrom('a'), pendingFrom('a'), pendingFrom('a')];
    expect([admission.admit(first), admission.admit(second)]).toEqual([null, null]);
    expect(admission.admit(third)).toMatchObject({ status: 503, reason: 'connections' });
    admission.settle(third);
    admission.settle(first);
    expect(admission.admit(pendingFrom('b'))).toBeNull();
  });

  test('a handshake that was never counted takes nothing away', () => {
    const admission = new Admission(limits({ maxConnections: 1 }), { size: 0 });
    for (let i = 0; i < 5; i++) admission.settle(pendingFrom('a'));
    expect(admission.admit(pendingFrom('a'))).toBeNull();
    expect(admission.admit(pendingFrom('a'))).toMatchObject({ status: 503 });
  });

  test('by address, one of them does not disturb another', () => {
    const admission = new Admission(limits({ maxConnectionsPerAddress: 1 }), { size: 0 });
    expect(admission.admit(pendingFrom('::ffff:10.0.0.1'))).toBeNull();
    const second = pendingFrom('10.0.0.1');
    expect(admission.admit(second)).toMatchObject({ status: 429, reason: 'address' });
    admission.settle(second);
    expect(admission.admit(pendingFrom('10.0.0.2'))).toBeNull();
    expect(admission.admit(pendingFrom('2001:db8::1'))).toBeNull();
    expect(admission.admit(pendingFrom('2001:db8::ffff:2'))).toMatchObject({ status: 429 });
    for (let i = 0; i < 5; i++) expect(admission.admit(pendingFrom(undefined))).toBeNull();
  });

  test('addressOf decides, and what it throws and returns wrongly is told', () => {
    let returned: unknown = 'x';
    const addressOf = () => returned as string;
    const admission = new Admission(limits({ maxConnectionsPerAddress: 1, addressOf }), { size: 0 });
    expect(admission.admit(pendingFrom('a'))).toBeNull();
    expect(admission.admit(pendingFrom('b'))).toMatchObject({ status: 429 });
    returned = undefined;
    for (let i = 0; i < 5; i++) expect(admission.admit(pendingFrom('a'))).toBeNull();
    for (returned of [null, 5, {}, ['x'], Symbol('s'), Promise.resolve('x')]) {
      expect(() => admission.admit(pendingFrom('a'))).toThrow(TypeError);
      expect(() => admission.admit(pendingFrom('a'))).toThrow(/addressOf must return a string or undefined, not/);
    }
  });
});
