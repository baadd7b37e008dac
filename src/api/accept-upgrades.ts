import type { Server as HttpServer } from 'node:http';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import { SERVER_LIMITS } from './limits.js';
import { checkPath, checkType, ownOptions } from './option-checks.js';
import { type AcceptUpgradesOptions, Upgrades } from './upgrades.js';

const OPTIONS: readonly string[] = [...SERVER_LIMITS, 'path', 'onError', 'refused'];

/**
 * Lets the request handlers of an HTTP server, including a framework's, accept WebSockets with `await
 * newWebSocket(req)`. WebSocket upgrades reach them like any other request. Upgrades to other protocols are plain
 * requests, as without this library, unless something else listens for `'upgrade'`.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const echo = async (ws) => { for await (const message of ws) await ws.send(message); };
 * const server = createServer((req, res) => (req.url === '/ws' ? newWebSocket(req, echo) : res.end('Hello')));
 * acceptUpgrades(server, { path: '/ws' });
 * server.listen(9001);
 * ```
 * @param server a server of node:http or node:https
 * @returns the accepted WebSockets: to publish to them, and to close them
 * @throws TypeError, RangeError if an option is invalid
 * @throws TypeError if `server` is not an HTTP server, or if upgrades at one of these paths are accepted already
 */
export function acceptUpgrades(server: HttpServer, options: AcceptUpgradesOptions = {}): Upgrades {
  if (typeof server?.on !== 'function' || typeof server === 'function') {
    throw new TypeError(
      `acceptUpgrades takes a server of node:http or node:https, not ${quoted(server)}: for an app, pass createServer(app) or what app.listen() returns`,
    );
  }
  const own = ownOptions(options);
  checkNames('acceptUpgrades', own, OPTIONS);
  checkPath(own.path);
  checkType('onError', own.onError, 'function');
  return new Upgrades(server, own);
}
