import { setup } from './announce.mjs';

const { compress, level } = setup;

/**
 * What wasock is told about compression. `setup.compress` is `default`, or says whether compressors keep their windows between
 * two messages: `takeover`, `no-takeover`. Then all messages are compressed, however small.
 */
export const compression =
  compress && (compress === 'default' ? true : { threshold: 0, level, contextTakeover: compress === 'takeover' });

const NO_TAKEOVER = { serverNoContextTakeover: true, clientNoContextTakeover: true };

/** The same for ws. */
export const perMessageDeflate =
  compress && (compress === 'default' ? true : { threshold: 0, ...(compress === 'no-takeover' && NO_TAKEOVER) });
