/** The pathname of a request target, in origin-form or in absolute-form (RFC 9112 §3.2). */
export function pathnameOf(target: string | undefined): string {
  if (target === undefined) return '';
  if (!target.startsWith('/')) {
    return URL.canParse(target) ? new URL(target).pathname : target;
  }
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
