import { env } from 'node:process';

/*
 * The fence: only this folder names undocumented parts of Node. Each file probes for the parts that it needs on first
 * use, says on which versions they were seen, and has a documented way as well. `WASOCK_NODE` chooses:
 *
 * - `auto`, or nothing: every part that this Node has;
 * - `documented`: none of them;
 * - `no-window`, `no-direct-write`: all but reading into the receive window; all but writing past the stream. The bench
 *   measures with these what each is worth.
 */

/** The parts that can be used or not: one per file of this folder. */
export type PrivatePart =
  | 'accept'
  | 'direct-write'
  | 'http-server'
  | 'incoming-message'
  | 'peer-address'
  | 'read-errors'
  | 'request-rejections'
  | 'socket-state'
  | 'user-buffer';

const WITHOUT: Readonly<Record<string, PrivatePart>> = {
  'no-window': 'user-buffer',
  'no-direct-write': 'direct-write',
};

/**
 * Decides which private parts of Node a process may use.
 *
 * @param wanted the value of `WASOCK_NODE`
 * @returns whether a part may be used
 * @throws RangeError if the value is unknown
 */
export function privateParts(wanted: string | undefined): (part: PrivatePart) => boolean {
  if (wanted === undefined || wanted === '' || wanted === 'auto') return () => true;
  if (wanted === 'documented') return () => false;
  if (Object.hasOwn(WITHOUT, wanted)) return (part) => part !== WITHOUT[wanted];
  throw new RangeError(
    `WASOCK_NODE must be auto, documented, no-window or no-direct-write, but is ${JSON.stringify(wanted)}`,
  );
}

/** Whether a private part of Node may be used in this process. */
export const mayUse = privateParts(env.WASOCK_NODE);
