/** One name that a file re-exports: `export { name as exported } from 'specifier'`. */
export interface ReExport {
  readonly name: string;
  readonly exported: string;
  readonly specifier: string;
}

const RE_EXPORT = /^export\s+(?:type\s+)?\{([^}]*)\}\s*from\s*['"]([^'"]+)['"];?/gm;

/**
 * What an entry point exports, types included.
 *
 * @throws {Error} if there is anything in it but comments and explicit re-export lists
 */
export function reExportsOf(list: string): ReExport[] {
  const code = list.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const rest = code.replace(RE_EXPORT, '').trim();
  if (rest !== '')
    throw new Error(`An entry point holds nothing but \`export { … } from '…'\`, but this one has: ${rest}`);
  return [...code.matchAll(RE_EXPORT)].flatMap((match) =>
    match[1]
      .split(',')
      .map((item) => item.trim().replace(/^type\s+/, ''))
      .filter((item) => item !== '')
      .map((item) => {
        const [name, exported = name] = item.split(/\s+as\s+/);
        return { name, exported, specifier: match[2] };
      }),
  );
}

/** Whether a declaration file declares the name with a docstring right before it. */
export function hasDocstring(declarations: string, name: string): boolean {
  const kinds = 'class|abstract class|function|const|let|interface|type|enum|namespace';
  return new RegExp(`\\*/\\s*export (?:declare )?(?:${kinds}) ${name}\\b`).test(declarations);
}
