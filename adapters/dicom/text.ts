/** Decoders for the defined terms of SpecificCharacterSet (PS3.3 section C.12.1.1.2), by their WHATWG label. */
const labels: Readonly<Record<string, string>> = {
  '13': 'shift_jis',
  '58': 'gbk',
  '87': 'iso-2022-jp',
  '101': 'iso-8859-2',
  '109': 'iso-8859-3',
  '110': 'iso-8859-4',
  '126': 'iso-8859-7',
  '127': 'iso-8859-6',
  '138': 'iso-8859-8',
  '144': 'iso-8859-5',
  '148': 'windows-1254',
  '149': 'euc-kr',
  '159': 'iso-2022-jp',
  '166': 'windows-874',
  '192': 'utf-8',
  '203': 'iso-8859-15',
}

/** VRs whose text is written in the character set of the data set (PS3.5 section 6.1.2.3). */
const characterSetVrs: ReadonlySet<string> = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT'])

/** Whether text of a VR cannot be read without SpecificCharacterSet; '' and UN may be anything. */
export const dependsOnCharacterSet = (vr: string): boolean => vr === '' || vr === 'UN' || characterSetVrs.has(vr)

const termNumber = (term: string): string => {
  if (/^GB18030$/i.test(term)) return 'gb18030'
  if (/^GBK$/i.test(term)) return '58'
  return /(\d+)$/.exec(term)?.[1] ?? ''
}

/** Whether the text is made of terms a SpecificCharacterSet may have, and so can hold nothing else. */
export const isCharacterSet = (text: string): boolean =>
  text.split('\\').every((term) => /^(ISO[ _](2022 )?IR[ _]\d{1,3}|GB18030|GBK)?$/.test(term.trim()))

/** Removes the padding of a text value: NUL and blanks at its end. */
export const trimEnd = (text: string): string => text.replace(/[\0 ]+$/, '')

/** Removes padding at the end and insignificant blanks at the start. */
export const trim = (text: string): string => trimEnd(text).replace(/^ +/, '')

/** Decodes text written in a SpecificCharacterSet; bytes it does not have become U+FFFD, never an error. */
export const decodeText = (bytes: Buffer, characterSet: string): string => {
  if (bytes.every((byte) => byte < 0x80 && byte !== 0x1b)) return bytes.toString('latin1')
  const terms = characterSet.split('\\').map((term) => termNumber(term.trim()))
  const label = terms.includes('gb18030') ? 'gb18030' : terms.map((term) => labels[term]).find((l) => l !== undefined)
  if (label === undefined) return bytes.toString('latin1')
  // Korean and Chinese code extensions announce a set that their decoder already assumes.
  const plain =
    label === 'iso-2022-jp'
      ? bytes
      : Buffer.from(bytes.toString('latin1').replaceAll(/\x1b\$?[()][A-Z]/g, ''), 'latin1')
  return new TextDecoder(label).decode(plain)
}

/** Encodes text for a data set of a SpecificCharacterSet; null when the set does not have the characters. */
export const encodeText = (text: string, characterSet: string): Buffer | null => {
  if (/^[\x20-\x7e]*$/.test(text)) return Buffer.from(text, 'latin1')
  if (characterSet === 'ISO_IR 192') return Buffer.from(text, 'utf8')
  return characterSet === 'ISO_IR 100' && /^[\x20-\x7e\xa0-\xff]*$/.test(text) ? Buffer.from(text, 'latin1') : null
}
