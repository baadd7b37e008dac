import { describe, expect, test } from 'vitest';
import { Keepalive, type Progress } from '../../../src/net/timing/keepalive.js';

const SILENT: Progress = { isExcused: false, bytesOnTheWay: 0 };
const EXCUSED: Progress = { isExcused: true, bytesOnTheWay: 0 };
const withMiB = (mebibytes: number): Progress => ({ isExcused: false, bytesOnTheWay: mebibytes * 1_048_576 });

/** Pings every 1000 ms, expects a Pong within 300; began at time 0. */
const keepalive = () => new Keepalive(1000, 300, 0);

describe('a keepalive', () => {
  test('pings at its interval', () => {
    const k = keepalive();
    expect(k.deadline).toBe(1000);
    expect(k.check(999, SILENT)).toBe('wait');
    expect(k.check(1000, SILENT)).toBe('ping');
    k.onPong();
    expect(k.deadline).toBe(2000);
    expect(k.check(2000, SILENT)).toBe('ping');
  });

  test('calls a peer dead whose Pong does not come in time', () => {
    const k = keepalive();
    k.check(1000, SILENT);
    expect(k.deadline).toBe(1300);
    expect(k.check(1299, SILENT)).toBe('wait');
    expect(k.check(1300, SILENT)).toBe('dead');
  });

  test('takes any Pong as a sign of life (§5.5.3: a Pong may be unsolicited)', () => {
    const k = keepalive();
    k.check(1000, SILENT);
    k.onPong();
    expect(k.check(1300, SILENT)).toBe('wait');
    expect(k.deadline).toBe(2000);
  });

  test('does not push the Pong deadline back with the next Ping', () => {
    const k = new Keepalive(100, 250, 0);
    expect(k.check(100, SILENT)).toBe('ping');
    expect(k.check(200, SILENT)).toBe('ping');
    expect(k.check(300, SILENT)).toBe('ping');
    expect(k.check(350, SILENT)).toBe('dead');
  });

  test('waits while there is an excuse for the silence', () => {
    const k = keepalive();
    k.check(1000, SILENT);
    expect(k.check(1300, EXCUSED)).toBe('wait');
    expect(k.check(1600, EXCUSED)).toBe('wait');
    expect(k.check(1900, SILENT)).toBe('dead');
  });

  test('waits 8 s longer for each MiB that is on its way, and no longer', () => {
    const k = new Keepalive(1_000_000, 20_000, 0);
    k.pingAt(0);
    k.check(0, SILENT);
    expect(k.check(20_000, withMiB(2))).toBe('wait');
    expect(k.deadline).toBe(36_000);
    // More has left meanwhile: that is a longer way, of which the beginning has been waited for.
    expect(k.check(36_000, withMiB(3))).toBe('wait');
    expect(k.deadline).toBe(44_000);
    expect(k.check(44_000, withMiB(3))).toBe('dead');
  });

  test('waits 2 minutes longer at most, whatever is on its way', () => {
    const k = new Keepalive(1_000_000, 20_000, 0);
    k.pingAt(0);
    k.check(0, SILENT);
    expect(k.check(20_000, withMiB(100))).toBe('wait');
    expect(k.deadline).toBe(140_000);
    expect(k.check(140_000, withMiB(1000))).toBe('dead');
  });

  test('waits anew for what is on its way after an excuse', () => {
    const k = new Keepalive(1_000_000, 20_000, 0);
    k.pingAt(0);
    k.check(0, SILENT);
    k.check(20_000, withMiB(100));
    expect(k.check(140_000, { ...withMiB(100), isExcused: true })).toBe('wait');
    expect(k.deadline).toBe(160_000);
    expect(k.check(160_000, withMiB(100))).toBe('wait');
    expect(k.deadline).toBe(280_000);
    k.onPong();
    expect(k.deadline).toBe(1_000_000);
  });

  test('gives another second when it is looked at more than a second late: the process was busy, not the peer', () => {
    const k = keepalive();
    k.check(1000, SILENT);
    expect(k.check(2301, SILENT)).toBe('ping');
    expect(k.deadline).toBe(3301);
    expect(k.check(3300, SILENT)).toBe('wait');
    expect(k.check(3301, SILENT)).toBe('dead');
  });

  test('without a pongTimeout pings and never calls a peer dead', () => {
    const k = new Keepalive(100, 0, 0);
    expect(k.check(100, SILENT)).toBe('ping');
    expect(k.check(100_000, SILENT)).toBe('ping');
  });

  test('can be told to ping earlier', () => {
    const k = keepalive();
    k.pingAt(10);
    expect(k.deadline).toBe(10);
    expect(k.check(10, SILENT)).toBe('ping');
    expect(k.deadline).toBe(310);
    k.onPong();
    expect(k.deadline).toBe(1010);
  });
});
