/*
 * What workers and their primary process say to each other over the channel of node:cluster. Payloads are base64: with the
 * serialization that is the default, bytes would become lists of numbers.
 */

/** What a worker tells its primary process. `member` numbers the brokers of a worker. An `ack` answers each `request`. */
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

/** What the primary process tells a worker. With `hasGap`, messages before these were dropped. */
export type ToWorker =
  | { readonly wasock: 'welcome'; readonly member: number }
  | { readonly wasock: 'ack'; readonly member: number; readonly request: number }
  | { readonly wasock: 'messages'; readonly member: number; readonly hasGap: boolean; readonly messages: Messages };

/** Topics and payloads in turns: topic, payload, topic, payload … */
export type Messages = readonly string[];

/**
 * How many characters of payloads one message over the channel carries, about. More would make nothing faster, and others
 * would wait.
 */
export const BATCH = 262_144;

interface Fields {
  readonly wasock: unknown;
  readonly member: unknown;
  readonly request?: unknown;
  readonly subscribe?: unknown;
  readonly unsubscribe?: unknown;
  readonly messages?: unknown;
  readonly hasGap?: unknown;
}

/** Others use the channel, too, and the other side may have another version of this library. */
function fieldsOf(message: unknown): Fields | null {
  if (typeof message !== 'object' || message === null) return null;
  const fields = message as Fields;
  return typeof fields.wasock === 'string' && typeof fields.member === 'number' ? fields : null;
}

function areTopics(value: unknown): boolean {
  return Array.isArray(value) && value.every((topic) => typeof topic === 'string');
}

function areMessages(value: unknown): boolean {
  return areTopics(value) && (value as Messages).length % 2 === 0;
}

/** Checks a message from a worker. @returns `null` if it is not one of ours */
export function toPrimary(message: unknown): ToPrimary | null {
  const fields = fieldsOf(message);
  if (fields === null) return null;
  const { wasock, request, subscribe, unsubscribe, messages } = fields;
  const isOurs =
    wasock === 'hello' ||
    wasock === 'bye' ||
    (wasock === 'topics' && typeof request === 'number' && areTopics(subscribe) && areTopics(unsubscribe)) ||
    (wasock === 'publish' && typeof request === 'number' && areMessages(messages));
  return isOurs ? (fields as ToPrimary) : null;
}

/** Checks a message from the primary process. @returns `null` if it is not one of ours */
export function toWorker(message: unknown): ToWorker | null {
  const fields = fieldsOf(message);
  if (fields === null) return null;
  const { wasock, request, messages } = fields;
  const isOurs =
    wasock === 'welcome' ||
    (wasock === 'ack' && typeof request === 'number') ||
    (wasock === 'messages' && areMessages(messages));
  return isOurs ? (fields as ToWorker) : null;
}
