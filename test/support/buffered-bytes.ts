import { expect } from 'vitest';
import type { Server, Upgrades } from '../../src/index.js';

/** The metrics say what waits, whatever has happened in this turn. */
export function expectBuffered(server: Server | Upgrades): void {
  let waiting = 0;
  for (const ws of server.connections) waiting += ws.bufferedAmount;
  expect(server.metrics().bufferedBytes).toBe(waiting);
}
