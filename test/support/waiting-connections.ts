import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { tcpServer } from './http-servers.js';

/** How a connection that is made later is told. */
export type Late = NonNullable<Parameters<NonNullable<http.RequestOptions['createConnection']>>[1]>;

/** Connections that are asked for and never made, unless somebody calls back later. */
export class Waiting {
  readonly late: Late[] = [];
  readonly create = (_options: unknown, callback: Late): undefined => {
    this.late.push(callback);
  };
}

/** An agent that makes its connections so, until the test ends. */
export function agentOf(
  create: (options: http.ClientRequestArgs, callback: Late) => Duplex | undefined,
  options?: http.AgentOptions,
): http.Agent {
  const agent = Object.assign(new http.Agent(options), { createConnection: create });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** What keeps node:http from giving a request a socket, as options of the request. */
export const STAGES: readonly [string, () => Promise<Pick<http.RequestOptions, 'agent' | 'createConnection'>>][] = [
  ['an agent that never calls back', async () => ({ agent: agentOf(new Waiting().create) })],
  ['a createConnection that never calls back', async () => ({ createConnection: new Waiting().create })],
  [
    'an agent that is busy',
    async () => {
      const silent = await tcpServer(() => {});
      const agent = agentOf(() => net.connect(Number(silent.port), '127.0.0.1'), { maxTotalSockets: 1 });
      http.get({ agent, port: silent.port, host: '127.0.0.1' }).on('error', () => {});
      return { agent };
    },
  ],
  [
    'a proxy that does not answer to CONNECT',
    async () => {
      const silent = await tcpServer((socket) => socket.resume());
      const create = (_options: unknown, callback: Late): undefined => {
        http
          .request({ port: silent.port, host: '127.0.0.1', method: 'CONNECT', path: 'x:80', agent: false })
          .on('connect', (_response, socket) => callback(null, socket))
          .on('error', () => {})
          .end();
      };
      return { agent: agentOf(create) };
    },
  ],
];
