import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complaintsOf, launchBrowser } from '../support/browser.js';
import { agreed, type ExchangeServer, SERVERS, startExchangeServer } from '../support/exchange-server.js';
import { BY_ALL, CLOSE_WITHOUT_CODE, type Report } from '../support/exchanges.js';
import { describePeer, headlessChromium } from '../support/peers.js';

const peer = headlessChromium();

describePeer(peer, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser(peer);
  });

  afterAll(() => browser?.close());

  describe.each(SERVERS)('as a client of $style$title', ({ style, compression }) => {
    let server: ExchangeServer;
    let page: Page;
    let complaints: string[];
    let report: Report;

    beforeAll(async () => {
      server = await startExchangeServer(style, compression);
      page = await browser.newPage();
      complaints = complaintsOf(page);
      await page.goto(server.url.replace(/^ws/, 'http'));
      // As text: the page imports it, not this process.
      report = await page.evaluate(`import('/whatwg-client.mjs').then(({ exchange }) => exchange('${server.url}'))`);
    });

    afterAll(async () => {
      await page?.close();
      await server?.close();
    });

    test.each(agreed({ ...BY_ALL, ...CLOSE_WITHOUT_CODE }, compression))('%s', (name, expected) => {
      expect(report[name]).toEqual(expected);
    });

    test('the page has nothing to complain about', () => {
      expect(complaints).toEqual([]);
    });

    test('a page of another origin may not connect', async () => {
      const elsewhere = await startExchangeServer(style);
      try {
        const outcome = await page.evaluate(`new Promise((resolve) => {
          const ws = new WebSocket('${elsewhere.url}/echo');
          ws.onopen = () => resolve('open');
          ws.onclose = ({ code }) => resolve(code);
        })`);
        expect(outcome).toBe(1006);
        expect(complaints.join()).toContain('Unexpected response code: 403');
      } finally {
        await elsewhere.close();
      }
    });
  });
});
