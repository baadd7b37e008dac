import type { IncomingMessage } from 'node:http';
import type { RequestHead } from './request-head.js';

/**
 * Which upgrade requests to take, by their path.
 *
 * - A string is the exact pathname, such as `'/ws'`.
 * - A RegExp is searched for in the pathname, so anchor it (`/^[/]rooms[/]\d+$/`).
 * - A list takes what one of its strings and RegExps takes.
 * - A function gets the request, and returns `true` to take it. Any other value means no. If the function throws or is
 *   async, the client gets 500.
 *
 * If several rules on one server match, an exact pathname wins over a RegExp or a function, and these win over no
 * `path` at all. Among equals, the first one wins.
 */
export type PathRule = string | RegExp | readonly (string | RegExp)[] | ((request: IncomingMessage) => boolean);

/** A request for which a listener is chosen. */
export type RoutedRequest = Pick<RequestHead, 'fields' | 'message'>;

/** How closely a rule fits a request. */
export const Fit = { None: 0, EveryPath: 1, Pattern: 2, Exact: 3 } as const;

/** @param rule `undefined` takes every path. @throws what a function of the user throws */
export function fitOf(rule: PathRule | undefined, request: RoutedRequest): number {
  if (rule === undefined) return Fit.EveryPath;
  if (typeof rule === 'function') return fitOfAnswer(rule(request.message));
  const pathname = pathnameOf(request.fields.url);
  return Math.max(Fit.None, ...[rule].flat().map((pattern) => fitOfPattern(pattern, pathname)));
}

function fitOfAnswer(answer: unknown): number {
  if (answer instanceof Promise) {
    answer.catch(() => {});
    throw new TypeError('The path function is async: it must return true or false');
  }
  return answer === true ? Fit.Pattern : Fit.None;
}

function fitOfPattern(pattern: string | RegExp, pathname: string): number {
  if (typeof pattern === 'string') return pattern === pathname ? Fit.Exact : Fit.None;
  // `search` ignores `lastIndex`, so a pattern with the flag g answers the same each time. `test` would not.
  return pathname.search(pattern) === -1 ? Fit.None : Fit.Pattern;
}

/**
 * A path that both rules take, so that two listeners would claim the same requests; `undefined` if there is no such
 * path.
 */
export function conflictOf(rule: PathRule | undefined, other: PathRule | undefined): string | undefined {
  if (rule === undefined || other === undefined) return rule === other ? 'every path' : undefined;
  const [ours, theirs] = [rule, other].map((each) => (typeof each === 'function' ? [] : [each].flat()));
  return ours.find((pattern) => typeof pattern === 'string' && theirs.includes(pattern)) as string | undefined;
}

/** RFC 9112 §3.2.2. */
const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** The pathname of a request target, as the client wrote it, in origin-form or in absolute-form. */
export function pathnameOf(target: string | undefined): string {
  if (target === undefined) return '';
  const path = target.startsWith('/') ? target : target.replace(ABSOLUTE_FORM, '');
  const end = path.search(/[?#]/);
  return (end === -1 ? path : path.slice(0, end)) || '/';
}
