// Debian's Chromium, driven over its DevTools socket: a page, a question with a long answer, a picture.
import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';
import { done, expectOurs } from './ours.mjs';

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
assert.match(browser.wsEndpoint(), /^ws:/);
const page = await browser.newPage();
await page.setContent('<title>héllo</title><h1 style="background: red">there</h1>');
assert.equal(await page.title(), 'héllo');
assert.equal(await page.evaluate((n) => 'ü'.repeat(n), 300_000), 'ü'.repeat(300_000));
const picture = await page.screenshot();
assert.equal(Buffer.from(picture).subarray(1, 4).toString(), 'PNG');
await browser.close();
done(expectOurs('puppeteer-core'), 'chromium');
