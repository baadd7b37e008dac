import { describe, expect, test } from 'vitest';
import { Cluster, kill, meet, PRIMARY, partsOf, tell, WORKER } from '../support/clusters.js';
import { until } from '../support/servers.js';
import { nextTexts } from '../support/shared-servers.js';

/** Says how much memory the primary process has in use, every 100 ms. */
const WATCHED = `
  setInterval(() => (gc(), gc(), say('held', process.memoryUsage().heapUsed + process.memoryUsage().external)), 100);
`;

const heldBy = ({ program }: Cluster) =>
  [...program.stdout.matchAll(/^held (\d+)$/gm)].map(([, bytes]) => Number(bytes));

describe('a primary process', () => {
  test('broker.C-01: holds a bounded amount for a worker that does not read, which then hears of a gap', async () => {
    const running = new Cluster(PRIMARY + WATCHED, WORKER, '--expose-gc');
    const clients = [
      await running.client(1, 'm'),
      await running.client(2, 'm', 'a'),
      await running.client(3, 'm', 'a'),
    ];
    await meet('m', ...clients);
    const [one, other, stopped] = clients;
    const pid = await running.pid(3);
    kill(pid, 'SIGSTOP');
    const before = heldBy(running).at(-1)!;
    // 100 MB, of which the others get all.
    for (let round = 0; round < 50; round++) {
      tell(one, 'flood', 'a', 20, 100_000);
      for (let i = 0; i < 20; i++) expect(partsOf(await other.receiveStrPacket()).number).toBe(i);
    }
    const during = heldBy(running).at(-1)!;
    expect(during - before).toBeLessThan(40_000_000);
    kill(pid, 'SIGCONT');
    await running.program.printed(/^gap 3$/m);
    tell(one, 'publish', 'a', 'end');
    let count = 0;
    while ((await nextTexts(stopped, 1))[0] !== 'end') count++;
    expect(count).toBeLessThan(500);
    expect([running.count('gap 1'), running.count('gap 2')]).toEqual([0, 0]);
    expect(await nextTexts(other, 1)).toEqual(['end']);
    await meet('m', ...clients);
  }, 60_000);

  test('broker.C-01: that does not read costs its workers a bounded amount, and what they drop is counted', async () => {
    const worker = `
      const served = await server((await load()).cluster(), {
        burst: () => { for (let i = 0; i < 1000; i++) served.publish('b', message(1, i, 'b', 100_000)); },
        burstEnd: async () => {
          while (served.broker.buffered > 3_000_000) await sleep(20);
          gc(); gc();
          say('later', process.memoryUsage().arrayBuffers, served.broker.dropped);
          await served.broker.published.catch((error) => say(error.message));
          say('dropped', served.broker.dropped);
        },
      });
    `;
    const primary = `cluster.setupPrimary({ execArgv: ['--expose-gc'] }); say('primary', process.pid); ${PRIMARY}`;
    const running = new Cluster(primary, worker);
    const [one, other] = [await running.client(1, 'a'), await running.client(2, 'a', 'b')];
    await meet('a', one, other);
    const pid = Number((await running.program.printed(/^primary (\d+)$/m))[1]);
    kill(pid, 'SIGSTOP');
    tell(one, 'burst');
    tell(one, 'burstEnd');
    const [, held, droppedThen] = await running.program.printed(/^later (\d+) (\d+)$/m);
    expect(Number(held)).toBeLessThan(15_000_000);
    expect(Number(droppedThen)).toBeGreaterThan(900);
    kill(pid, 'SIGCONT');
    const dropped = Number((await running.program.printed(/^dropped (\d+)$/m))[1]);
    expect(running.program.stdout).toContain(`\n${dropped} message(s) were dropped`);
    const numbers: number[] = [];
    while (numbers.length < 1000 - dropped) numbers.push(partsOf(await other.receiveStrPacket()).number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    await meet('a', one, other);
  }, 60_000);

  test('broker.C-03: that loses worker after worker throws nothing, and the others go on', async () => {
    const primary = `
      ${PRIMARY}
      cluster.on('exit', (worker, code, signal) => (say('exit', worker.id, signal), cluster.fork()));
      process.on('uncaughtException', (error) => say('uncaught', error.stack));
    `;
    const worker = `${WORKER} setInterval(() => served.publish('noise', 'x'.repeat(50_000)), 1);`;
    const running = new Cluster(primary, worker);
    const [one, other] = [await running.client(1, 'a'), await running.client(2, 'a')];
    await meet('a', one, other);
    for (let name = 3; name < 15; name++) {
      const victim = await running.client(name, 'a', 'noise');
      await meet('a', victim, one);
      kill(await running.pid(name), 'SIGKILL');
      await running.program.printed(new RegExp(`^exit ${name} SIGKILL$`, 'm'));
    }
    tell(one, 'publish', 'a', 'still here');
    let text = '';
    while (text !== 'still here') [text] = await nextTexts(other, 1);
    expect(running.program.stdout).not.toMatch(/uncaught|error|^gap [12]$/m);
    expect(running.program.stderr).toBe('');
  }, 60_000);
});

describe('a worker whose primary process does not answer', () => {
  test('says so, delivers what is local, and works with the others from the time at which it does', async () => {
    const primary = `
      for (let i = 0; i < 2; i++) cluster.fork();
      cluster.on('message', (worker, message) => message === 'now' && load());
    `;
    const worker = `
      const served = await server((await load()).cluster({ maxBuffered: 1000 }), {
        now: () => process.send('now'),
        dropped: () => say('dropped', served.broker.dropped),
      });
    `;
    const running = new Cluster(primary, worker);
    const [one, other] = [await running.client(1, 'a'), await running.client(2, 'a')];
    await running.program.printed(
      /(error The primary process of node:cluster has not answered within 2 s: it must import wasock\/cluster\.[\s\S]*){2}/,
    );
    await running.program.printed(/PM2/);
    for (let i = 0; i < 100; i++) tell(one, 'publish', 'a', `m${i}`);
    expect(await nextTexts(one, 100)).toEqual(Array.from({ length: 100 }, (_, i) => `m${i}`));
    tell(one, 'dropped');
    const dropped = Number((await running.program.printed(/^dropped (\d+)$/m))[1]);
    expect(dropped).toBeGreaterThan(50);
    expect(dropped).toBeLessThan(100);
    tell(one, 'now');
    await until(() => running.count('up 1') + running.count('up 2') === 2);
    // What was kept may come before the other has subscribed.
    await meet('a', one, other);
    expect(running.program.stdout.split('has not answered')).toHaveLength(3);
  }, 60_000);
});
