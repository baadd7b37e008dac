import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agreed, type ExchangeServer, SERVERS, startExchangeServer } from '../support/exchange-server.js';
import { BY_ALL, CLOSE_WITHOUT_CODE, type Report } from '../support/exchanges.js';
import { describePeer, nodeWebSocket } from '../support/peers.js';
import { Program } from '../support/program.js';

const peer = nodeWebSocket();

const SCRIPT = `
  const { exchange } = await import(process.argv[1]);
  console.log(JSON.stringify(await exchange(process.argv[2])));
  process.exit();
`;

describePeer(peer, () => {
  describe.each(SERVERS)('as a client of $style$title', ({ style, compression }) => {
    let server: ExchangeServer;
    let client: Program;
    let report: Report;

    beforeAll(async () => {
      server = await startExchangeServer(style, compression);
      client = new Program(peer.command, [
        ...peer.args,
        '--input-type=module',
        ...['-e', SCRIPT, new URL('whatwg-client.mjs', `file://${__dirname}/`).href, server.url],
      ]);
      expect([await client.exit, client.stderr]).toEqual([{ code: 0, signal: null }, '']);
      report = JSON.parse(client.stdout);
    });

    afterAll(async () => {
      await client?.kill();
      await server?.close();
    });

    test.each(agreed({ ...BY_ALL, ...CLOSE_WITHOUT_CODE }, compression))('%s', (name, expected) => {
      expect(report[name]).toEqual(expected);
    });
  });
});
