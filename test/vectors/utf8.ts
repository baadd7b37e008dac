/** A text, and whether it is UTF-8. */
export interface Utf8Vector {
  readonly name: string;
  readonly octets: Buffer;
  readonly isValid: boolean;
}

function vectors(isValid: boolean, table: Readonly<Record<string, string>>): Utf8Vector[] {
  return Object.entries(table).map(([name, hex]) => ({
    name,
    octets: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
    isValid,
  }));
}

/** Each class of sequences that RFC 3629 §3 and §4 tell apart. */
export const UTF8_VECTORS: readonly Utf8Vector[] = [
  ...vectors(true, {
    nothing: '',
    'U+0000': '00',
    'U+007F': '7f',
    'U+0080, the first of two octets': 'c2 80',
    'U+07FF, the last of two octets': 'df bf',
    'U+0800, the first of three octets': 'e0 a0 80',
    'U+D7FF, the last before the surrogates': 'ed 9f bf',
    'U+E000, the first behind the surrogates': 'ee 80 80',
    'U+FEFF, the byte order mark': 'ef bb bf',
    'U+FFFF, a noncharacter': 'ef bf bf',
    'U+10000, the first of four octets': 'f0 90 80 80',
    'U+FFFFF': 'f3 bf bf bf',
    'U+10FFFF, the last': 'f4 8f bf bf',
    κόσμε: 'ce ba cf 8c cf 83 ce bc ce b5',
    'two, three and four octets between ASCII': '61 c3 a9 62 e2 82 ac 63 f0 9f 98 80 64',
  }),
  ...vectors(false, {
    'a continuation octet alone': '80',
    'the last continuation octet alone': 'bf',
    'an overlong slash of two octets': 'c0 af',
    'C1, an overlong U+007F': 'c1 bf',
    'an overlong slash of three octets': 'e0 80 af',
    'an overlong U+07FF of three octets': 'e0 9f bf',
    'an overlong slash of four octets': 'f0 80 80 af',
    'an overlong U+FFFF of four octets': 'f0 8f bf bf',
    'U+D800, the first surrogate': 'ed a0 80',
    'U+DFFF, the last surrogate': 'ed bf bf',
    'a pair of surrogates (CESU-8)': 'ed a0 bd ed b8 80',
    'U+110000': 'f4 90 80 80',
    'F5, beyond U+10FFFF': 'f5 80 80 80',
    'F8, five octets': 'f8 88 80 80 80',
    FE: 'fe',
    FF: 'ff',
    'two octets cut short': 'c3',
    'three octets cut short by one': 'e2 82',
    'three octets cut short by two': 'e2',
    'four octets cut short by one': 'f0 9f 98',
    'four octets cut short by three': 'f0',
    'ASCII in place of the second of two': 'c3 28',
    'ASCII in place of the second of three': 'e2 28 a1',
    'ASCII in place of the third of three': 'e2 82 28',
    'ASCII in place of the second of four': 'f0 28 8c bc',
    'ASCII in place of the third of four': 'f0 90 28 bc',
    'ASCII in place of the fourth of four': 'f0 90 8c 28',
    'a lead octet in place of the second of two': 'c3 c3',
    'a lead octet in place of the third of three': 'e2 82 e2',
    'one continuation octet too many': 'c3 a9 a9',
  }),
];
