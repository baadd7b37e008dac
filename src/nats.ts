export { type NatsConnectionLike, type NatsSettings, nats } from './broker/nats.js';
