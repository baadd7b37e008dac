import { writeFileSync } from 'node:fs';
import { temporaryFile } from './temporary.mjs';

/** Makes a certificate for this run: the paths of its `key` and `cert`. */
export async function makeCertificate() {
  const { default: selfsigned } = await import('selfsigned');
  const names = [{ name: 'commonName', value: 'localhost' }];
  const made = await selfsigned.generate(names, { keyType: 'ec', algorithm: 'sha256' });
  const paths = { key: temporaryFile('key.pem'), cert: temporaryFile('cert.pem') };
  writeFileSync(paths.key, made.private);
  writeFileSync(paths.cert, made.cert);
  return paths;
}
