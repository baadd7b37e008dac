/*
 * What workers and their primary process say to each other over the channel of node:cluster. Payloads are base64: with the
 * serialization that is the default, bytes would become lists of numbers.
 */

/** A member is one broker in one worker. Numbers of requests are answered by an `ack`. */
export type ToPrimary =
  | { readonly wasock: 'hello'; readonly member: number }
  | { readonly wasock: 'bye'; readonly member: number }
  | {
      readonly wasock: 'topics';
      readonly member: number;
      readonly request: number;
      readonly subscribe: readonly string[];
      readonly unsubscribe: readonly string[];
    }
  | { readonly wasock: 'publish'; readonly member: number; readonly request: number; readonly messages: Messages };

export type ToWorker =
  | { readonly wasock: 'welcome'; readonly member: number }
  | { readonly wasock: 'ack'; readonly member: number; readonly request: number }
  | { readonly wasock: 'messages'; readonly member: number; readonly hasGap: boolean; readonly messages: Messages };

/** Topic, payload, topic, payload … */
export type Messages = readonly string[];

/** Characters of payloads that one message over the channel has, about: more make nothing faster, and others wait. */
export const BATCH = 262_144;

/** Whether something that came over the channel is ours. Others use the channel, too. */
export function isOurs(message: unknown): message is { wasock: string; member: number } {
  return (
    typeof message === 'object' && message !== null && typeof (message as { wasock?: unknown }).wasock === 'string'
  );
}
