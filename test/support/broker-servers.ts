import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { freePort, newNats, newRedis, newValkey, BrokerServer as Server } from './broker-server.cjs';
import type { Peer } from './peers.js';

export { freePort, newNats, newRedis };

/** See broker-server.cjs, which programs without TypeScript load as well. */
export const BrokerServer: typeof Server = Server;
export type BrokerServer = InstanceType<typeof Server>;

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0;
}

function brokerPeer(name: string, command: string): Peer {
  const missing = runs(command, '--version') ? undefined : `no ${command}`;
  return { name, command, args: [], missing };
}

/** redis-server, of the package of that name. */
export const redisServer = (): Peer => brokerPeer('redis-server', 'redis-server');
/** valkey-server: of the package of that name, from Debian 13 on; test/support/debian13.sh has it run on older ones. */
export const valkeyServer = (): Peer => brokerPeer('valkey-server', 'valkey-server');
/** nats-server, of the package of that name. */
export const natsServer = (): Peer => brokerPeer('nats-server', 'nats-server');

/** Starts a server that goes with the test. */
export async function startRedis(...more: string[]): Promise<BrokerServer> {
  const server = await newRedis(...more);
  onTestFinished(() => server.dispose());
  return server.start();
}

/** Starts a server that goes with the test. */
export async function startValkey(...more: string[]): Promise<BrokerServer> {
  const server = await newValkey(...more);
  onTestFinished(() => server.dispose());
  return server.start();
}

/** Starts a server that goes with the test. */
export async function startNats(...more: string[]): Promise<BrokerServer> {
  const server = await newNats(...more);
  onTestFinished(() => server.dispose());
  return server.start();
}
