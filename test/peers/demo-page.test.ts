import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { complaintsOf, launchBrowser } from '../support/browser.js';
import { describePeer, headlessChromium } from '../support/peers.js';
import { type Program, runNode } from '../support/program.js';

const peer = headlessChromium();

describePeer(peer, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser(peer);
  });

  afterAll(() => browser?.close());

  async function startDemo(port = '0'): Promise<{ server: Program; url: string }> {
    const server = runNode(['examples/demo/server.mjs'], { PORT: port });
    return { server, url: await server.url() };
  }

  async function openTab(url: string): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const complaints = complaintsOf(page);
    await page.goto(url);
    await page.locator('#echo [data-state=open]').waitFor();
    await page.locator('#chat [data-state=open]').waitFor();
    return { page, complaints };
  }

  const entriesOf = (page: Page, panel: string) => page.locator(`${panel} .log li`);

  describe('with the page of the demo', () => {
    test('shows an echo, and how long it took', async () => {
      const { url } = await startDemo();
      const { page, complaints } = await openTab(url);
      await page.locator('#echo').getByLabel('Message').fill('Grüße <b>');
      await page.locator('#echo').getByRole('button', { name: 'Send' }).click();
      await entriesOf(page, '#echo').first().waitFor();
      expect(await entriesOf(page, '#echo').locator('span').allTextContents()).toEqual(['Grüße <b>']);
      expect(await entriesOf(page, '#echo').locator('data').allTextContents()).toEqual([
        expect.stringMatching(/^\d+\.\d ms$/),
      ]);
      expect(complaints).toEqual([]);
    });

    test('lets two tabs chat, by keyboard alone', async () => {
      const { url } = await startDemo();
      const [ada, grace] = [await openTab(url), await openTab(url)];
      const say = async (page: Page, name: string, text: string) => {
        await page.locator('#chat').getByLabel('Name').fill(name);
        await page.keyboard.press('Tab');
        await page.keyboard.type(text);
        await page.keyboard.press('Enter');
      };
      await say(ada.page, 'Ada', 'How are you?');
      await entriesOf(grace.page, '#chat').filter({ hasText: 'How are you?' }).waitFor();
      await say(grace.page, 'Grace', 'Good: you?');
      for (const { page, complaints } of [ada, grace]) {
        await entriesOf(page, '#chat').filter({ hasText: 'Good: you?' }).waitFor();
        expect(await entriesOf(page, '#chat').allTextContents()).toEqual(['Ada: How are you?', 'Grace: Good: you?']);
        expect(await entriesOf(page, '#chat').locator('b').allTextContents()).toEqual(['Ada:', 'Grace:']);
        expect(await entriesOf(page, '#echo').count()).toBe(0);
        expect(complaints).toEqual([]);
      }
    });

    test('shows that the server has left with 1001, and comes back on demand', async () => {
      const { server, url } = await startDemo();
      const { page, complaints } = await openTab(url);
      expect(await server.interrupt()).toEqual({ code: 0, signal: null });
      for (const panel of ['#echo', '#chat']) {
        await page.locator(`${panel} [data-state=closed]`).waitFor();
        expect(await page.locator(`${panel} .state`).textContent()).toBe('closed 1001');
        expect(await entriesOf(page, panel).allTextContents()).toEqual(['Closed: the server went away']);
        expect(await page.locator(panel).getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
      }
      expect(complaints).toEqual([]);

      await startDemo(new URL(url).port);
      await page.locator('#echo').getByRole('button', { name: 'Reconnect' }).press('Enter');
      await page.locator('#echo [data-state=open]').waitFor();
      // The focus goes on to where one writes next.
      await page.keyboard.type('back again');
      await page.keyboard.press('Enter');
      await entriesOf(page, '#echo').filter({ hasText: 'back again' }).waitFor();
      expect(await page.locator('#echo .reconnect').isVisible()).toBe(false);
      expect(await page.locator('#chat .reconnect').isVisible()).toBe(true);
    });

    test('names the process that has sent a message, where there are several', async () => {
      const server = runNode(['examples/demo/server.mjs', '--processes', '2'], { PORT: '0', REDIS_URL: undefined });
      const url = await server.url();
      const { page, complaints } = await openTab(url);
      const senders = new Set<string>();
      // Connections go to the processes in turn, and a tab may have an even number of them: one more goes between two tabs.
      while (senders.size < 2) {
        await fetch(url, { headers: { connection: 'close' } });
        const other = await openTab(url);
        await other.page.locator('#chat').getByLabel('Message', { exact: true }).fill('Hello');
        await other.page.keyboard.press('Enter');
        await entriesOf(other.page, '#chat').first().waitFor();
        senders.add((await entriesOf(other.page, '#chat').first().locator('small').textContent())!);
      }
      for (const sender of senders) {
        expect(sender).toMatch(/^process \d+$/);
        await entriesOf(page, '#chat').filter({ hasText: sender }).first().waitFor();
      }
      expect(complaints).toEqual([]);
    });

    test('fits a narrow window', async () => {
      const { url } = await startDemo();
      const { page } = await openTab(url);
      await page.setViewportSize({ width: 320, height: 700 });
      await page.locator('#echo').getByLabel('Message').fill('x'.repeat(300));
      await page.keyboard.press('Enter');
      await entriesOf(page, '#echo').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    });
  });
});
