export type { RedisBrokerOptions, RedisClientLike } from './redis.js';
export { redis } from './redis.js';
