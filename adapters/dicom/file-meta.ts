import { tagOf, tagText } from '../../domain/tags.js'
import type { ByteWindow } from './byte-window.js'
import { unreadable } from './byte-window.js'
import { heldBytes, isLongVr } from './elements.js'
import { encodeElement } from './encoding.js'
import { trim } from './text.js'

const preambleBytes = 128
const implicitLittleEndian = '1.2.840.10008.1.2'
/** Ours, made from a random UUID (PS3.5 annex B.2). */
const implementationClassUid = '2.25.185182495951495097105869111449679430415'
const implementationVersionName = 'PIXL_CORE'

/** What the file meta information says about the data set that follows it. */
export interface FileMeta {
  readonly transferSyntaxUid: string
  readonly implicit: boolean
  /** Offset of the first element of the data set. */
  readonly dataSetStart: number
}

/** Whether a file of that size begins as PS3.10 section 7.1 says: 128 bytes, then `DICM`. */
export const hasPrefix = async (window: ByteWindow): Promise<boolean> => {
  if (window.size < preambleBytes + 4) return false
  await window.load(0, preambleBytes + 4)
  return window.view(preambleBytes, 4).toString('latin1') === 'DICM'
}

/**
 * The encoding a transfer syntax gives the data set. All encapsulated ones are explicit little endian (PS3.5 annex A.4).
 * Throws `UnreadableStudy` for those that are not.
 */
const isImplicit = (uid: string): boolean => {
  if (uid === implicitLittleEndian) return true
  if (uid === '1.2.840.10008.1.2.1' || uid === '1.2.840.10008.1.2.1.98') return false
  if (/^1\.2\.840\.10008\.1\.2\.(1\.99|4\.95|4\.205)$/.test(uid))
    return unreadable('the data set is deflated; convert it to explicit VR little endian')
  if (uid === '1.2.840.10008.1.2.2')
    return unreadable('the data set is big endian; convert it to explicit VR little endian')
  if (/^1\.2\.840\.10008\.1\.2\.(4\.\d+|5|8\.\d+)$/.test(uid)) return false
  return unreadable('its transfer syntax is not supported; convert it to explicit VR little endian')
}

/**
 * Reads the file meta information after the prefix. Its own length element is not trusted: the group ends where another
 * begins. Throws `UnreadableStudy`.
 */
export const readFileMeta = async (window: ByteWindow): Promise<FileMeta> => {
  let position = preambleBytes + 4
  let transferSyntaxUid = ''
  while (window.size - position >= 8) {
    const room = Math.min(12, window.size - position)
    if (!window.holds(position, room)) await window.load(position, room)
    const header = window.view(position, room)
    if (header.readUInt16LE(0) !== 2) break
    const tag = tagOf(2, header.readUInt16LE(2))
    const vr = header.toString('latin1', 4, 6)
    if (!/^[A-Z]{2}$/.test(vr)) unreadable('the file meta information is not in explicit VR')
    const long = isLongVr(vr)
    if (long && room < 12) unreadable('the file meta information is cut off')
    const length = long ? header.readUInt32LE(8) : header.readUInt16LE(6)
    const value = position + (long ? 12 : 8)
    if (value + length > window.size) unreadable(`${tagText(tag)} is longer than what is left of the file`)
    if (tag === tagOf(2, 0x10) && length <= heldBytes) {
      if (!window.holds(value, length)) await window.load(value, length)
      transferSyntaxUid = trim(window.view(value, length).toString('latin1'))
    }
    position = value + length
  }
  if (transferSyntaxUid === '') unreadable('the file meta information names no transfer syntax')
  return { transferSyntaxUid, implicit: isImplicit(transferSyntaxUid), dataSetStart: position }
}

/** The prefix and file meta information of an instance: nothing of what the original said but the transfer syntax. */
export const encodeFileMeta = (sopClassUid: string, sopInstanceUid: string, transferSyntaxUid: string): Buffer => {
  const element = (number: number, vr: string, value: string | Buffer): Buffer =>
    encodeElement(tagOf(2, number), vr, Buffer.from(value), false)
  const group = Buffer.concat([
    element(0x01, 'OB', Buffer.from([0, 1])),
    element(0x02, 'UI', sopClassUid),
    element(0x03, 'UI', sopInstanceUid),
    element(0x10, 'UI', transferSyntaxUid),
    element(0x12, 'UI', implementationClassUid),
    element(0x13, 'SH', implementationVersionName),
  ])
  const groupLength = Buffer.alloc(4)
  groupLength.writeUInt32LE(group.length)
  return Buffer.concat([Buffer.alloc(preambleBytes), Buffer.from('DICM'), element(0, 'UL', groupLength), group])
}
