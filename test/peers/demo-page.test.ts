import net from 'node:net';
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

  const saidIn = (page: Page) => page.locator('#chat .said p').allTextContents();
  const entriesOf = (page: Page, panel: string) => page.locator(`${panel} .log li`);

  describe('with the page of the demo', () => {
    test('shows an echo, and how long it took', async () => {
      const { url } = await startDemo();
      const { page, complaints } = await openTab(url);
      await page.locator('#echo').getByLabel('Message').fill('Grüße <b>');
      await page.locator('#echo').getByRole('button', { name: 'Send', exact: true }).click();
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
        expect(await saidIn(page)).toEqual(['How are you?', 'Good: you?']);
        expect(await page.locator('#chat .said time').count()).toBe(2);
        expect(await entriesOf(page, '#echo').count()).toBe(0);
        expect(complaints).toEqual([]);
      }
      expect(await ada.page.locator('#chat .said b').allTextContents()).toEqual(['You', 'Grace']);
      expect(await grace.page.locator('#chat .said b').allTextContents()).toEqual(['Ada', 'You']);
      expect(await ada.page.locator('#chat .own p').allTextContents()).toEqual(['How are you?']);
      await ada.page.locator('.online', { hasText: 'Online: Ada (you), Grace' }).waitFor();
      await grace.page.locator('.online', { hasText: 'Online: Ada, Grace (you)' }).waitFor();
      await ada.page.close();
      await grace.page.locator('.online', { hasText: /^Online: Grace \(you\)$/ }).waitFor();
      await entriesOf(grace.page, '#chat').filter({ hasText: 'Ada left' }).waitFor();
    });

    test('sends 10,000 messages, and shows the speed and the codec', async () => {
      const { url } = await startDemo();
      const { page, complaints } = await openTab(url);
      await page.getByRole('button', { name: 'Send 10,000 messages' }).click();
      await page.locator('.speed', { hasText: /^[\d,]+ messages a second there and back, codec wasm-simd$/ }).waitFor();
      expect(await entriesOf(page, '#echo').count()).toBe(0);
      expect(complaints).toEqual([]);
    });

    test('shows that the server has left, counts down, and comes back by itself', async () => {
      const { server, url } = await startDemo();
      const { page } = await openTab(url);
      expect(await server.interrupt()).toEqual({ code: 0, signal: null });
      for (const panel of ['#echo', '#chat']) {
        await page.locator(`${panel} .state`, { hasText: /^again in \d+ s$/ }).waitFor();
        await entriesOf(page, panel).filter({ hasText: 'Closed: the server went away' }).waitFor();
        expect(await page.locator(panel).getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true);
      }
      await startDemo(new URL(url).port);
      for (const panel of ['#echo', '#chat']) await page.locator(`${panel} [data-state=open]`).waitFor();
    });

    test('comes back at once on demand, by keyboard', async () => {
      const { server, url } = await startDemo();
      const { page } = await openTab(url);
      await server.interrupt();
      // After some attempts the pause is long.
      await page.locator('#echo .state', { hasText: /^again in [4-9] s$/ }).waitFor();
      await startDemo(new URL(url).port);
      await page.locator('#echo').getByRole('button', { name: 'Connect now' }).press('Enter');
      await page.locator('#echo [data-state=open]').waitFor();
      // The focus goes on to where one writes next.
      await page.keyboard.type('back again');
      await page.keyboard.press('Enter');
      await entriesOf(page, '#echo').filter({ hasText: 'back again' }).waitFor();
      expect(await page.locator('#echo .again').isVisible()).toBe(false);
    });

    test('shows that the server does not answer, and that it does again', async () => {
      const { server, url } = await startDemo();
      const { page } = await openTab(url);
      server.signal('SIGSTOP');
      await page.locator('#echo').getByLabel('Message').fill('hello?');
      await page.keyboard.press('Enter');
      await page.locator('#echo .state', { hasText: 'no answer' }).waitFor();
      server.signal('SIGCONT');
      await page.locator('#echo [data-state=open]').waitFor();
      await entriesOf(page, '#echo').filter({ hasText: 'hello?' }).waitFor();
      expect(await page.locator('#echo .again').isVisible()).toBe(false);
    });

    test('gives up an attempt to connect that nobody answers', async () => {
      const { server, url } = await startDemo();
      const { page } = await openTab(url);
      await server.interrupt();
      const silent = net.createServer().listen(Number(new URL(url).port));
      onTestFinished(() => void silent.close());
      await entriesOf(page, '#echo').filter({ hasText: 'Closed: the server does not answer' }).first().waitFor();
      expect(await page.locator('#echo').getByRole('button', { name: 'Connect now' }).isVisible()).toBe(true);
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
        const own = other.page.locator('#chat .own small').first();
        await own.waitFor();
        senders.add((await own.textContent())!);
      }
      for (const sender of senders) {
        expect(sender).toMatch(/^process \d+$/);
        await entriesOf(page, '#chat').filter({ hasText: sender }).first().waitFor();
      }
      expect(complaints).toEqual([]);
    });

    test.each([
      [390, 844],
      [768, 1024],
      [1280, 800],
      [1920, 1080],
    ])('keeps each form at the bottom of its panel, in one row, at %d x %d', async (width, height) => {
      const { url } = await startDemo();
      const { page } = await openTab(url);
      await page.setViewportSize({ width, height });
      for (const panel of ['#echo', '#chat']) {
        const boxOf = async (selector: string) => (await page.locator(`${panel} ${selector}`).boundingBox())!;
        const bottom = ({ y, height }: { y: number; height: number }) => y + height;
        const section = (await page.locator(panel).boundingBox())!;
        expect(Math.abs(bottom(await boxOf('form')) - bottom(section))).toBeLessThan(2);
        const [message, send] = [await boxOf('[name=message]'), await boxOf('form button')];
        expect(Math.abs(bottom(message) - bottom(send))).toBeLessThan(2);
      }
      // Side by side, nothing but the logs scrolls.
      if (width >= 768) expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(height);
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
