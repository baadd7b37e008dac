import { emitWarning, env } from 'node:process';
import type { Refusal } from '../handshake/refusal.js';
import type { RequestHead } from '../net/opening/request-head.js';
import { quoted } from '../protocol/quoted.js';
import { refusedChannel } from './diagnostics.js';

/** Publishes that an opening handshake was refused, and warns of it outside of production. */
export function tellRefusal(request: RequestHead, refusal: Refusal): void {
  if (refusedChannel.hasSubscribers) refusedChannel.publish({ request: request.message, refusal });
  if (refusal.reason === 'origin' || refusal.reason === 'host') warn(refusal.reason, request);
}

/** The header that was refused, and what allows it. */
const RULES = {
  origin: { header: 'origin', option: 'allowedOrigins', code: 'WASOCK_ORIGIN_REFUSED' },
  host: { header: 'host', option: 'allowedHosts', code: 'WASOCK_HOST_REFUSED' },
} as const;

/** The most values to warn of, because anyone can send many different ones. */
const MOST_WARNINGS = 16;

const warned = new Set<string>();

/** Outside of production, a developer probably wonders why nothing connects. */
function warn(reason: keyof typeof RULES, request: RequestHead): void {
  if (env.NODE_ENV === 'production' || warned.size >= MOST_WARNINGS) return;
  const { header, option, code } = RULES[reason];
  const value = quoted(request.message.headers[header]);
  const text = `A WebSocket was refused because its ${reason} ${value} is not allowed. To allow it, name it in ${option}, with all others that may connect`;
  if (warned.has(text)) return;
  warned.add(text);
  emitWarning(text, { type: 'WasockWarning', code });
}
