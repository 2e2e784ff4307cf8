import type { Tag } from '../../domain/tags.js'
import { tagOf, tagText } from '../../domain/tags.js'
import type { ByteWindow } from './byte-window.js'
import { unreadable } from './byte-window.js'

/**
 * Values up to this size are given to the visitor, so all that people write and the private headers of scanners; of
 * larger ones, and of pixels, it learns only where they are.
 */
export const heldBytes = 1024 * 1024
/** Sequences deeper than this are refused: no standard object comes near it, hostile ones would exhaust the memory. */
const maxDepth = 32
const undefinedLength = 0xffffffff

/** Tags of the delimiters of PS3.5 section 7.5. */
export const itemTag = tagOf(0xfffe, 0xe000)
export const itemEndTag = tagOf(0xfffe, 0xe00d)
export const sequenceEndTag = tagOf(0xfffe, 0xe0dd)
/** Pixel Data (7FE0,0010). */
export const pixelDataTag = tagOf(0x7fe0, 0x0010)
const pixelGroup = tagOf(0x7fe0, 0)

/** VRs whose explicit header has a 32-bit length (PS3.5 section 7.1.2). */
const longVrs: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '))
const shortVrs: ReadonlySet<string> = new Set(
  'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '),
)
/** VRs by their two letters read as one number: making a string of every VR was half the time of a walk. */
const vrsByCode: ReadonlyMap<number, string> = new Map(
  [...longVrs, ...shortVrs].map((vr) => [Buffer.from(vr, 'latin1').readUInt16LE(0), vr]),
)

/** Whether a VR takes the long form of the explicit header. */
export const isLongVr = (vr: string): boolean => longVrs.has(vr)

/** One element as the walk meets it: where it is, and its value while that is small. */
export interface Element {
  readonly tag: Tag
  /** Two letters, or '' in implicit VR. */
  readonly vr: string
  /** Offsets in the file. */
  readonly start: number
  readonly valueStart: number
  /** Bytes of the value; null = undefined, ended by a delimiter. */
  readonly length: number | null
  /** Whether the data set around it is in implicit VR. */
  readonly implicit: boolean
  /** Encapsulated pixel data: the value is a list of fragments, not of items. */
  readonly fragments: boolean
  /** 0 in the data set itself, 1 in an item of one of its sequences. */
  readonly depth: number
  /** Header and value; of pixels and of a value above {@link heldBytes} the header and the first 8 bytes. */
  readonly bytes: Buffer
}

/** What to do with the value of an element: visit its items, or go past it. */
export type Verdict = 'enter' | 'skip'

/** What is called on the way through a data set, in file order. Nothing is called for what is inside a skipped value. */
export interface Visitor {
  readonly element: (element: Element) => Verdict
  readonly item: () => void
  readonly itemEnd: () => void
  readonly sequenceEnd: () => void
  /** The offset after the delimiter of encapsulated pixel data that was entered. */
  readonly fragmentsEnd: (end: number) => void
  /** Work to wait for before the walk goes on; undefined when there is none. */
  readonly settle?: () => Promise<void> | undefined
}

/** The value of an element that is held whole, or null. */
export const heldValue = ({ length, bytes, start, valueStart }: Element): Buffer | null =>
  length !== null && bytes.length === valueStart - start + length ? bytes.subarray(valueStart - start) : null

/** Whether a value begins like the first item of a sequence. */
export const beginsWithItem = ({ bytes, start, valueStart }: Element): boolean => {
  const at = valueStart - start
  return bytes.length >= at + 8 && bytes.readUInt32LE(at) === 0xe000fffe
}

interface Frame {
  readonly kind: 'dataSet' | 'sequence' | 'fragments'
  readonly limit: number
  /** Ends at the limit, not by a delimiter. */
  readonly defined: boolean
  readonly implicit: boolean
  readonly silent: boolean
}

const onlyZeros = async (window: ByteWindow, from: number, end: number): Promise<boolean> => {
  const step = 4096
  for (let at = from; at < end; at += step) {
    const length = Math.min(step, end - at)
    if (!window.holds(at, length)) await window.load(at, length)
    if (window.view(at, length).some((byte) => byte !== 0)) return false
  }
  return true
}

/** What an element of undefined length holds; throws `UnreadableStudy` where the standard allows none. */
const insideUndefined = (tag: Tag, vr: string, implicit: boolean): Pick<Frame, 'kind' | 'implicit'> => {
  if (tag === pixelDataTag || vr === 'OB' || vr === 'OW') {
    if (implicit) unreadable(`${tagText(tag)} is encapsulated in an implicit VR data set`)
    return { kind: 'fragments', implicit }
  }
  if (implicit || vr === 'SQ') return { kind: 'sequence', implicit }
  if (vr === 'UN') return { kind: 'sequence', implicit: true }
  return unreadable(`${tagText(tag)} has no length, which its value representation does not allow`)
}

/** Where an element is and what follows its header. */
interface Located {
  readonly tag: Tag
  readonly vr: string
  readonly valueStart: number
  readonly length: number | null
  /** What an undefined length stands for; null when the length is known. */
  readonly inside: Pick<Frame, 'kind' | 'implicit'> | null
  /** Bytes of header and value to hold for the visitor. */
  readonly held: number
}

/** Reads an element header that is held; throws `UnreadableStudy` when header or value would leave the frame. */
const locate = (window: ByteWindow, tag: Tag, position: number, frame: Frame): Located => {
  const vr = frame.implicit ? '' : vrsByCode.get(window.uint16(position + 4))
  if (vr === undefined) return unreadable(`${tagText(tag)} has no valid value representation`)
  const headerBytes = longVrs.has(vr) ? 12 : 8
  if (position + headerBytes > frame.limit) unreadable(`the header of ${tagText(tag)} is cut off`)
  const isShort = vr !== '' && headerBytes === 8
  const length = isShort ? window.uint16(position + 6) : window.uint32(position + headerBytes - 4)
  const valueStart = position + headerBytes
  if (length === undefinedLength) {
    const inside = insideUndefined(tag, vr, frame.implicit)
    return { tag, vr, valueStart, length: null, inside, held: headerBytes }
  }
  if (valueStart + length > frame.limit) unreadable(`${tagText(tag)} is longer than what is left of the file or item`)
  const whole = length <= heldBytes && tag < pixelGroup
  return { tag, vr, valueStart, length, inside: null, held: headerBytes + (whole ? length : Math.min(length, 8)) }
}

/**
 * Walks a little-endian data set from one offset of a file to another, holding one piece of it at a time.
 *
 * Throws `UnreadableStudy` when the structure does not add up: a length that leaves its item or the file, a missing
 * delimiter, an impossible header. Zero bytes after the last element are not part of the data set.
 */
export const walk = async (
  window: ByteWindow,
  from: number,
  end: number,
  implicit: boolean,
  visitor: Visitor,
): Promise<void> => {
  const stack: Array<Frame> = [{ kind: 'dataSet', limit: end, defined: true, implicit, silent: false }]
  let position = from

  const push = (frame: Frame): void => {
    if (stack.length > maxDepth * 2) unreadable(`sequences are nested more than ${maxDepth} deep`)
    stack.push(frame)
  }
  const pop = (frame: Frame): void => {
    stack.pop()
    // The inside of a skipped sequence is silent, and so is its end: whoever skipped it opened nothing.
    if (frame.silent) return
    if (frame.kind === 'fragments') visitor.fragmentsEnd(position)
    else if (frame.kind === 'sequence') visitor.sequenceEnd()
    else if (stack.length > 0) visitor.itemEnd()
  }

  const enterItem = (frame: Frame, tag: Tag, length: number): void => {
    position += 8
    if (tag === sequenceEndTag && !frame.defined && length === 0) return pop(frame)
    if (tag !== itemTag) unreadable('a sequence holds something that is not an item')
    const defined = length !== undefinedLength
    if (defined && position + length > frame.limit) unreadable('an item is longer than what is left of its sequence')
    if (frame.kind === 'fragments') {
      if (!defined) unreadable('a fragment of the pixel data has no length')
      position += length
      return
    }
    if (!frame.silent) visitor.item()
    push({ ...frame, kind: 'dataSet', defined, limit: defined ? position + length : frame.limit })
  }

  const passElement = (frame: Frame, found: Located): void => {
    const { tag, vr, valueStart, length, inside, held } = found
    let verdict: Verdict = 'skip'
    if (!frame.silent) {
      const bytes = window.view(position, held)
      const place = { implicit: frame.implicit, fragments: inside?.kind === 'fragments', depth: (stack.length - 1) / 2 }
      verdict = visitor.element({ tag, vr, start: position, valueStart, length, bytes, ...place })
    }
    position = valueStart
    if (inside !== null) push({ ...inside, limit: frame.limit, defined: false, silent: verdict === 'skip' })
    else if (verdict === 'skip') position += length ?? 0
    else {
      const inner = frame.implicit || vr === 'UN'
      push({ kind: 'sequence', limit: valueStart + (length ?? 0), defined: true, implicit: inner, silent: false })
    }
  }

  for (;;) {
    const settled = visitor.settle?.()
    if (settled !== undefined) await settled
    const frame = stack[stack.length - 1]!
    if (frame.defined && position === frame.limit) {
      pop(frame)
      if (stack.length === 0) return
      continue
    }
    const room = frame.limit - position
    if (room < 8) {
      if (stack.length === 1 && (await onlyZeros(window, position, end))) return
      unreadable(frame.defined ? 'an element header is cut off' : 'a sequence or the pixel data has no end')
    }
    const wanted = Math.min(12, room)
    if (!window.holds(position, wanted)) await window.load(position, wanted)
    const tag = tagOf(window.uint16(position), window.uint16(position + 2))
    if (frame.kind !== 'dataSet') enterItem(frame, tag, window.uint32(position + 4))
    else if (tag === itemEndTag && !frame.defined && window.uint32(position + 4) === 0) {
      position += 8
      pop(frame)
    } else if (tag === 0 && stack.length === 1) {
      if (await onlyZeros(window, position, end)) return
      unreadable('something that is not an element follows the data set')
    } else if (tag >= itemTag && tag <= sequenceEndTag) {
      unreadable('an item or a delimiter is where an element belongs')
    } else {
      const found = locate(window, tag, position, frame)
      if (!frame.silent && !window.holds(position, found.held)) await window.load(position, found.held)
      passElement(frame, found)
    }
  }
}
