export { type RedisBrokerOptions, redis } from './broker/redis.js';
export type { RedisClientLike } from './broker/redis-connection.js';
