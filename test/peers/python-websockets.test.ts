import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeOurClient } from '../support/client-exchanges.js';
import { agreed, COMPRESSIONS, type ExchangeServer, SERVERS, startExchangeServer } from '../support/exchange-server.js';
import { BY_ALL, BY_PROGRAMS, type Report } from '../support/exchanges.js';
import { describePeer, pythonWebsockets } from '../support/peers.js';
import { Program } from '../support/program.js';

const peer = pythonWebsockets();

describePeer(peer, () => {
  describe.each(SERVERS)('as a client of $style$title', ({ style, compression }) => {
    let server: ExchangeServer;
    let client: Program;
    let report: Report;

    beforeAll(async () => {
      server = await startExchangeServer(style, compression);
      client = new Program(peer.command, ['test/peers/python_client.py', server.url]);
      expect([await client.exit, client.stderr]).toEqual([{ code: 0, signal: null }, '']);
      report = JSON.parse(client.stdout);
    });

    afterAll(async () => {
      await client?.kill();
      await server?.close();
    });

    test.each(agreed({ ...BY_ALL, ...BY_PROGRAMS }, compression))('%s', (name, expected) => {
      expect(report[name]).toEqual(expected);
    });
  });

  describe.each(COMPRESSIONS)('as the server of our client$title, which', ({ compression }) => {
    let server: Program;
    let url: string;

    beforeAll(async () => {
      server = new Program(peer.command, ['test/peers/python_server.py']);
      url = await server.url();
    });

    afterAll(() => server?.kill());

    describeOurClient(() => url, compression);
  });
});
