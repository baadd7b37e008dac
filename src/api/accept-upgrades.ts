import type { Server as HttpServer } from 'node:http';
import { checkNames } from '../protocol/option-names.js';
import { checkPath, checkType, ownOptions, SERVER_LIMITS } from './limits.js';
import { type AcceptUpgradesOptions, Upgrades } from './upgrades.js';

const OPTIONS: readonly string[] = [...SERVER_LIMITS, 'path', 'onError', 'refused'];

/**
 * Lets the `'request'` listeners of an HTTP server, including a framework's, accept WebSockets with
 * `await newWebSocket(req)`. WebSocket upgrades reach them like any other request. Upgrades to other protocols are plain
 * requests, as without this library, unless somebody else listens for `'upgrade'`.
 *
 * @throws TypeError, RangeError if an option is invalid, or if upgrades at one of these paths are accepted already on
 *   this server
 */
export function acceptUpgrades(server: HttpServer, options: AcceptUpgradesOptions = {}): Upgrades {
  if (typeof server?.on !== 'function' || typeof server === 'function') {
    throw new TypeError(
      'acceptUpgrades takes a server of node:http or node:https; for an app, createServer(app) or what app.listen() returns',
    );
  }
  const own = ownOptions(options);
  checkNames('acceptUpgrades', own, OPTIONS);
  checkPath(own.path);
  checkType('onError', own.onError, 'function');
  return new Upgrades(server, own);
}
