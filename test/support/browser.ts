import { type Browser, chromium, type Page } from 'playwright-core';
import type { Peer } from './peers.js';

export function launchBrowser(peer: Peer): Promise<Browser> {
  return chromium.launch({ executablePath: peer.command, args: [...peer.args] });
}

/** What a page complained about: errors and warnings on its console, and exceptions that nobody caught. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  return complaints;
}
