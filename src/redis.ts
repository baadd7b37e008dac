export { type RedisBrokerOptions, type RedisClientLike, redis } from './broker/redis.js';
