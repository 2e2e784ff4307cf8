import type { Tag } from '../../domain/tags.js'
import { tagText } from '../../domain/tags.js'
import { unreadable } from './byte-window.js'
import { isLongVr, itemEndTag, itemTag, sequenceEndTag } from './elements.js'

const undefinedLength = 0xffffffff

const writeTag = (into: Buffer, tag: Tag): void => {
  into.writeUInt16LE(Math.floor(tag / 0x10000), 0)
  into.writeUInt16LE(tag % 0x10000, 2)
}

/** The header of an element; a length of undefined is written as such. */
const encodeHeader = (tag: Tag, vr: string, length: number, implicit: boolean): Buffer => {
  const header = Buffer.alloc(!implicit && isLongVr(vr) ? 12 : 8)
  writeTag(header, tag)
  if (!implicit) header.write(vr, 4, 'latin1')
  if (implicit) header.writeUInt32LE(length, 4)
  else if (header.length === 12) header.writeUInt32LE(length, 8)
  else header.writeUInt16LE(length, 6)
  return header
}

/** Values of these VRs are padded with NUL, those of all others with a blank (PS3.5 section 6.2). */
const padding = (vr: string): number => (vr === 'UI' || vr === 'UN' || vr.startsWith('O') ? 0 : 0x20)

/** One element with its value padded to even length. Throws `UnreadableStudy` when the value does not fit its header. */
export const encodeElement = (tag: Tag, vr: string, value: Buffer, implicit: boolean): Buffer => {
  const odd = value.length % 2 === 1
  const length = value.length + (odd ? 1 : 0)
  if (!implicit && !isLongVr(vr) && length > 0xffff) unreadable(`the new value of ${tagText(tag)} does not fit it`)
  const parts = [encodeHeader(tag, vr, length, implicit), value]
  return Buffer.concat(odd ? [...parts, Buffer.from([padding(vr)])] : parts)
}

/**
 * What stands before and after a value that gets one byte longer, to a length that is even. Throws `UnreadableStudy` when
 * the length does not fit the header.
 */
export const paddedEncoding = (tag: Tag, vr: string, length: number, implicit: boolean): readonly [Buffer, Buffer] => {
  if (!implicit && !isLongVr(vr) && length > 0xffff) unreadable(`the new value of ${tagText(tag)} does not fit it`)
  return [encodeHeader(tag, vr, length, implicit), Buffer.from([padding(vr)])]
}

/** The beginning of a sequence that ends with a delimiter; VR SQ, or UN around items in implicit VR. */
export const encodeSequenceStart = (tag: Tag, vr: string, implicit: boolean): Buffer =>
  encodeHeader(tag, vr, undefinedLength, implicit)

/** Header of an item that ends with a delimiter; delimiters are equal in both encodings. */
export const itemStart = encodeHeader(itemTag, '', undefinedLength, true)
/** The delimiter after an item. */
export const itemEnd = encodeHeader(itemEndTag, '', 0, true)
/** The delimiter after a sequence. */
export const sequenceEnd = encodeHeader(sequenceEndTag, '', 0, true)

const zeroBytes: Readonly<Record<string, number>> = { AT: 4, FD: 8, FL: 4, SL: 4, SS: 2, SV: 8, UL: 4, US: 2, UV: 8 }
const fixedText: Readonly<Record<string, string>> = {
  DA: '00010101',
  TM: '000000.00',
  DT: '00010101010101.000000+0000',
  AS: '000Y',
  IS: '0',
  DS: '0',
}
const freeText: ReadonlySet<string> = new Set('AE CS LO LT PN SH ST UC UR UT'.split(' '))

/**
 * What `replace` puts in place of a value of a VR: the dummies the Python services use. Null for bytes, which have none;
 * UI and SQ are the caller's.
 */
export const replacementOf = (vr: string): Buffer | null => {
  const text = freeText.has(vr) ? 'ANONYMIZED' : fixedText[vr]
  if (text !== undefined) return Buffer.from(text, 'latin1')
  const zeros = zeroBytes[vr]
  return zeros === undefined ? null : Buffer.alloc(zeros)
}
