import { createClient, createCluster } from 'redis';
import { onTestFinished } from 'vitest';
import { type RedisBrokerOptions, redis } from '../../src/redis.js';
import { type BrokerServer, newRedis } from './broker-servers.js';
import { observer } from './redis-probes.js';

const SLOTS = 16_384;

type Node = Awaited<ReturnType<typeof observer>>;

/** Masters of a Redis Cluster, each with a third of the slots, and a client that looks at each. */
export interface RedisCluster {
  readonly servers: readonly BrokerServer[];
  readonly nodes: readonly Node[];
  newBroker(options?: RedisBrokerOptions): ReturnType<typeof redis>;
  /** Gives a slot to a node, as CLUSTER SETSLOT does when no key is in it. */
  move(slot: number, to: number): Promise<void>;
}

/** The slots that one of three has: `[from, to]`. */
const rangeOf = (i: number) => [Math.ceil((i * SLOTS) / 3), Math.ceil(((i + 1) * SLOTS) / 3) - 1];

async function isWhole(node: Node): Promise<boolean> {
  const info = String(await node.sendCommand(['CLUSTER', 'INFO']));
  return /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info);
}

/** Starts three masters, until the test ends. Their busses are on ports that are free, too. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const servers = await Promise.all(
    [0, 1, 2].map(async () => {
      const bus = await newRedis();
      await bus.dispose();
      const more = ['--cluster-enabled', 'yes', '--cluster-port', String(bus.port), '--cluster-node-timeout', '2000'];
      const server = await newRedis(...more);
      onTestFinished(() => server.dispose());
      return server.start();
    }),
  );
  const nodes = await Promise.all(servers.map((server) => observer(server)));
  const ids = await Promise.all(nodes.map(async (node) => String(await node.sendCommand(['CLUSTER', 'MYID']))));
  for (const [i, node] of nodes.entries()) {
    await node.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', ...rangeOf(i).map(String)]);
    await node.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)]);
  }
  for (const { port } of servers.slice(1)) {
    const { busPort } = await busOf(port);
    await nodes[0].sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(port), busPort]);
  }
  while (!(await Promise.all(nodes.map(isWhole))).every(Boolean)) await new Promise((done) => setTimeout(done, 20));
  return {
    servers,
    nodes,
    newBroker: (options) =>
      redis(createCluster({ rootNodes: servers.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })) }), options),
    move: async (slot, to) => {
      for (const node of [nodes[to], ...nodes]) {
        await node.sendCommand(['CLUSTER', 'SETSLOT', String(slot), 'NODE', ids[to]]);
      }
    },
  };
}

async function busOf(port: number): Promise<{ busPort: string }> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  const myself = /@(\d+)/.exec(String(await client.sendCommand(['CLUSTER', 'NODES'])))?.[1] ?? '';
  client.destroy();
  return { busPort: myself };
}
