import type { Pattern } from './marker-forms.js'

/** Searches a stream of bytes for many patterns at once. */
export interface Search {
  /** Looks through the chunks; memory does not grow with their number. Every pattern found, once. */
  readonly through: (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<ReadonlySet<Pattern>>
}

/** ASCII without case. */
const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte))

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** The first four bytes of a pattern, by which a match is suspected. */
const anchorBytes = 4
const anchorOf = (bytes: Uint8Array, at: number): number =>
  ((folded[bytes[at]!]! << 24) |
    (folded[bytes[at + 1]!]! << 16) |
    (folded[bytes[at + 2]!]! << 8) |
    folded[bytes[at + 3]!]!) >>>
  0

const slotBits = 18
const slotOf = (anchor: number): number => Math.imul(anchor, 0x9e3779b1) >>> (32 - slotBits)

const matches = ({ bytes, exactCase, digitWidth }: Pattern, text: Uint8Array, at: number): boolean => {
  if (at + bytes.length > text.length) return false
  for (let i = 0; i < bytes.length; i++) {
    const [wanted, found] = [bytes[i]!, text[at + i]!]
    if (exactCase ? wanted !== found : folded[wanted] !== folded[found]) return false
  }
  if (digitWidth === 0) return true
  // In UTF-16 the digit of the next character is at the same place within it as that of this one.
  const digitAt = bytes[0] === 0 ? 1 : 0
  return !isDigit(text[at - digitWidth + digitAt]) && !isDigit(text[at + bytes.length + digitAt])
}

/** Prepares a search: patterns by their first four bytes, with a table of flags in front that most positions fail at. */
export const makeSearch = (patterns: ReadonlyArray<Pattern>): Search => {
  const flags = new Uint8Array(1 << slotBits)
  const byAnchor = new Map<number, Array<Pattern>>()
  for (const pattern of patterns) {
    const anchor = anchorOf(pattern.bytes, 0)
    flags[slotOf(anchor)] = 1
    const bucket = byAnchor.get(anchor)
    if (bucket === undefined) byAnchor.set(anchor, [pattern])
    else bucket.push(pattern)
  }
  // A match may begin in one chunk and end in the next, and its neighbours decide about numbers.
  const margin = 4
  const overlap = Math.max(anchorBytes, ...patterns.map(({ bytes }) => bytes.length)) + margin

  /** Searches the positions from `from` up to `to`. */
  const searchPart = (text: Uint8Array, from: number, to: number, found: Set<Pattern>): void => {
    let anchor = from + anchorBytes <= text.length ? anchorOf(text, from) : 0
    for (let at = from; at < Math.min(to, text.length - anchorBytes + 1); at++) {
      if (at > from) anchor = ((anchor << 8) | folded[text[at + anchorBytes - 1]!]!) >>> 0
      if (flags[slotOf(anchor)] === 0) continue
      for (const pattern of byAnchor.get(anchor) ?? [])
        if (!found.has(pattern) && matches(pattern, text, at)) found.add(pattern)
    }
  }

  return {
    through: async (chunks) => {
      const found = new Set<Pattern>()
      let text: Uint8Array = Buffer.alloc(0)
      let from = 0
      for await (const chunk of chunks) {
        text = Buffer.concat([text, chunk])
        const to = text.length - overlap
        if (to <= from) continue
        searchPart(text, from, to, found)
        const kept = Math.max(0, to - margin)
        text = Buffer.from(text.subarray(kept))
        from = to - kept
      }
      searchPart(text, from, text.length, found)
      return found
    },
  }
}
