import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a certificate for this run: the paths of its `key` and `cert`. */
export async function makeCertificate() {
  const { default: selfsigned } = await import('selfsigned');
  const names = [{ name: 'commonName', value: 'localhost' }];
  const made = await selfsigned.generate(names, { keyType: 'ec', algorithm: 'sha256' });
  const folder = mkdtempSync(join(tmpdir(), 'wasock-bench-'));
  const paths = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
  writeFileSync(paths.key, made.private);
  writeFileSync(paths.cert, made.cert);
  return paths;
}
