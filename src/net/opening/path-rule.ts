import type { IncomingMessage } from 'node:http';
import type { RequestHead } from './request-head.js';

/** An exact pathname, or a RegExp to search the pathname with, which the user has to anchor. */
type PathPattern = string | RegExp;

/** Which upgrade requests to take: those that one of some patterns matches, or that a function returns `true` for. */
export type PathRule = PathPattern | readonly PathPattern[] | ((request: IncomingMessage) => boolean);

/** How closely a rule fits a request. Where several fit, the closest takes it, and among those the first. */
export const Fit = { None: 0, EveryPath: 1, Pattern: 2, Exact: 3 } as const;

/** @param rule `undefined` takes every path. @throws what a function of the user throws */
export function fitOf(rule: PathRule | undefined, request: RequestHead): number {
  if (rule === undefined) return Fit.EveryPath;
  // Only `true` takes it: the promise of an async function is truthy and would take everything.
  if (typeof rule === 'function') return rule(request.message) === true ? Fit.Pattern : Fit.None;
  const pathname = pathnameOf(request.fields.url);
  return Math.max(...patternsOf(rule).map((pattern) => fitOfPattern(pattern, pathname)), Fit.None);
}

function patternsOf(rule: PathPattern | readonly PathPattern[]): readonly PathPattern[] {
  return Array.isArray(rule) ? (rule as readonly PathPattern[]) : [rule as PathPattern];
}

function fitOfPattern(pattern: PathPattern, pathname: string): number {
  if (typeof pattern === 'string') return pattern === pathname ? Fit.Exact : Fit.None;
  // `search` ignores `lastIndex`, so a pattern with the flag g answers the same each time. `test` would not.
  return pathname.search(pattern) === -1 ? Fit.None : Fit.Pattern;
}

/** A path that both rules take, so that two listeners would claim the same requests; `undefined` if none is known. */
export function conflictOf(rule: PathRule | undefined, other: PathRule | undefined): string | undefined {
  if (rule === undefined || other === undefined) return rule === other ? 'every path' : undefined;
  const [exact, others] = [rule, other].map((each) => (typeof each === 'function' ? [] : patternsOf(each)));
  return exact.find((pattern) => typeof pattern === 'string' && others.includes(pattern)) as string | undefined;
}

/** The pathname of a request target, in origin-form or in absolute-form (RFC 9112 §3.2). */
export function pathnameOf(target: string | undefined): string {
  if (target === undefined) return '';
  if (!target.startsWith('/')) {
    return URL.canParse(target) ? new URL(target).pathname : target;
  }
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
