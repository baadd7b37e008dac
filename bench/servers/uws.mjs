// uWebSockets.js. Its payloads are borrowed: valid until the handler returns, as with zeroCopy of wasock.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { announce, setup } from './announce.mjs';

const { platform, arch, versions } = process;
const BINARY = `uws_${platform}_${arch}_${versions.modules}.node`;
/** Two packages bring binaries. The newer release comes first; it needs glibc 2.38. */
const PACKAGES = { '@btc-vision/uwebsockets.js': BINARY, '@trufflesuite/uws-js-unofficial': `binaries/${BINARY}` };
const TOPIC = 't';
const require = createRequire(import.meta.url);
const MiB = 1_048_576;

/** The native module of the first package that has one for this Node and this machine, and its version. */
function loadNative() {
  const reasons = [];
  for (const [name, binary] of Object.entries(PACKAGES)) {
    const folder = fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url));
    const [version] = require(`${folder}/package.json`).version.split('-');
    try {
      return { uws: require(`${folder}/${binary}`), version };
    } catch ({ code, message }) {
      const [reason] = code === 'MODULE_NOT_FOUND' ? [`no ${BINARY}`] : message.split(' (required by');
      reasons.push(`${version}: ${reason}`);
    }
  }
  console.error(reasons.join('; '));
  process.exit(1);
}

/** Its defaults are 16 KiB and 64 KiB, which the large rows do not fit. */
const isLarge = setup.size > 1024;
const { compress, window = '3KB' } = setup;
const compressor = compress === 'takeover' ? `DEDICATED_COMPRESSOR_${window}` : 'SHARED_COMPRESSOR';
const options = {
  ...(isLarge && { maxPayloadLength: MiB }),
  ...((isLarge || setup.maxBackpressure) && { maxBackpressure: setup.maxBackpressure ?? 8 * MiB }),
};
/** It compresses those messages of which it is told so. */
const isCompressing = compress !== undefined && compress !== null;
const echo = { message: (ws, message, isBinary) => void ws.send(message, isBinary, isCompressing) };
const strings = { message: (ws, message) => void ws.send(Buffer.from(message).toString(), false) };
const fanout = {
  open: (ws) => void ws.subscribe(TOPIC),
  message: (_ws, message, isBinary) => void app.publish(TOPIC, message, isBinary, isCompressing),
};

const { uws, version } = loadNative();
const announced = { ...options, ...(isCompressing && { compression: compressor }) };
const { tls } = setup;
const app = tls ? uws.SSLApp({ key_file_name: tls.key, cert_file_name: tls.cert }) : uws.App();
app.ws('/*', {
  ...options,
  ...(isCompressing && { compression: uws[compressor] }),
  ...(setup.fanout ? fanout : setup.strings ? strings : echo),
});
app.listen(0, (token) => {
  announce({ port: uws.us_socket_local_port(token), about: `uWebSockets.js ${version}`, options: announced });
});
