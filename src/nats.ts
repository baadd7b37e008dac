export { type NatsSettings, nats } from './broker/nats.js';
export type { NatsConnectionLike } from './broker/nats-link.js';
