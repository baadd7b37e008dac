import { env } from 'node:process';

/*
 * The fence: what of Node is not documented is named in this folder alone. Each file probes for what it needs when that is
 * first wanted, says on which versions it was seen, and has a documented way beside it. `WASOCK_NODE` chooses:
 *
 * - `auto`, or nothing: whatever this Node has;
 * - `documented`: none of it;
 * - `no-window`, `no-direct-write`: all but reading into the receive window, all but writing past the stream. The bench
 *   tells with them what each is worth.
 */

/** What can be used or left alone: the files of this folder. */
export type PrivatePart =
  | 'accept'
  | 'direct-write'
  | 'http-server'
  | 'incoming-message'
  | 'peer-address'
  | 'request-rejections'
  | 'socket-state'
  | 'user-buffer';

const WITHOUT: Readonly<Record<string, PrivatePart>> = {
  'no-window': 'user-buffer',
  'no-direct-write': 'direct-write',
};

/**
 * How a process is to use the private parts of Node.
 *
 * @param wanted the value of `WASOCK_NODE`
 * @throws RangeError for an unknown value
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
