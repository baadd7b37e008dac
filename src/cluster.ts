export { cluster } from './broker/cluster.js';
