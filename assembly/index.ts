export { deflate } from './deflate';
export { inflate, inflateMore } from './inflate';
export { hasNonAscii, mask } from './mask';
export {
  DEFLATE_MOST,
  DEFLATE_OUT,
  DEFLATE_TABLES,
  FLAG_MASKED,
  FLAG_NON_ASCII,
  FLAG_PARTIAL,
  FRAME_ROWS,
  FRAME_TABLE,
  FRAME_WORDS,
  HEADER_OCTETS_SHIFT,
  HISTORY_SIZE,
  INDEX_SIZE,
  INDEX_START,
  INFLATE_OUT,
  INFLATE_OUT_SIZE,
  INFLATE_STATE,
  INFLATE_TAKEN,
  LENGTH7_SHIFT,
  MEMORY_SIZE,
  ROW_FLAGS,
  ROW_KEY,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
  ROW_PRESENT,
  ROW_START,
  SCAN_END,
  SCRATCH_SIZE,
  SCRATCH_START,
  WINDOW_SIZE,
  WINDOW_START,
} from './memory';
export { scan } from './scan';
export { toUtf16 } from './utf16';
export { validateUtf8 } from './utf8';
