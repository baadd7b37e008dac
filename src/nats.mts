export type { NatsConnectionLike, NatsSettings } from './nats.js';
export { nats } from './nats.js';
