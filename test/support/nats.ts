import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { onTestFinished } from 'vitest';
import { Envelopes } from '../../src/broker/envelope.js';
import { type Broker, type BrokerOptions, Opcode } from '../../src/index.js';
import { nats } from '../../src/nats.js';
import { encodeKeptFrame } from '../../src/net/writing/shared-frames.js';

/** A broker that comes back soon, and its connections, the newest last. */
export interface QuickNats {
  readonly broker: Broker;
  readonly connections: NatsConnection[];
}

/** @param more settings of the connections, over those that the broker asks for */
export function quickNats(port: number, options: BrokerOptions = {}, more: NodeConnectionOptions = {}): QuickNats {
  const connections: NatsConnection[] = [];
  const broker = nats(async (settings) => {
    const servers = `127.0.0.1:${port}`;
    const connection = await connect({ ...settings, servers, reconnectDelayHandler: () => 10, ...more });
    connections.push(connection);
    return connection;
  }, options);
  return { broker, connections };
}

/** A client without the library. */
export async function rawNats(port: number): Promise<NatsConnection> {
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  onTestFinished(() => connection.close());
  return connection;
}

/** The arguments of a server with this configuration, whose file goes with the test. */
export function natsConfig(text: string): string[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wasock-nats-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nats.conf');
  writeFileSync(file, text);
  return ['-c', file];
}

/** What the server says of itself, with `-m`. */
export async function monitored(port: number, page: string): Promise<Record<string, number>> {
  return (await (await fetch(`http://127.0.0.1:${port}/${page}`)).json()) as Record<string, number>;
}

/** The subject of a topic, with the prefix that is the default. */
export const subjectOf = (topic: string) => `wasock.t${Buffer.from(topic).toString('base64url')}`;

/** A payload as another process makes it. */
export function payloadOf(topic: string, sequence: number, text: string): Buffer {
  const envelopes = new Envelopes(Buffer.alloc(16, 7), 'wasock.', []);
  return envelopes.seal(topic, sequence, false, true, encodeKeptFrame(Opcode.Text, text));
}
