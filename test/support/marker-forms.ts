import type { Marker } from '../../adapters/synthetic/markers.js'

/** How a marker was written where it was found; `unreadable` is a place the sweep could not look into. */
export type Form =
  'plain' | 'base64' | 'hex' | 'url-encoded' | 'escaped' | 'utf-16le' | 'utf-16be' | 'reversed' | 'unreadable'

/** One way in which a marker may be written, as the bytes to look for. */
export interface Pattern {
  readonly marker: string
  readonly form: Form
  readonly bytes: Uint8Array
  /** Whether upper and lower case differ. */
  readonly exactCase: boolean
  /**
   * For markers of digits and dots: a match next to another digit is part of another number and does not count. Bytes
   * from one character to the next; 0 = not checked.
   */
  readonly digitWidth: 0 | 1 | 2
}

/** A marker shorter than this would be found by chance. */
export const shortestMarker = 6

const swapped = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16()

/** The characters of base64 text that depend on nothing but these bytes, when they start at `offset` modulo 3. */
const base64At = (bytes: Uint8Array, offset: number): string => {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const wholeBits = (offset + bytes.length) * 8
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(wholeBits / 6))
}

const base64Forms = (bytes: Uint8Array): ReadonlyArray<string> =>
  [0, 1, 2]
    .map((offset) => base64At(bytes, offset))
    .flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')])

const percent = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte)
    return /[\w.~-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')

const escapedText = (text: string): string =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const reversedText = (text: string): string => [...text].reverse().join('')

/** Every pattern by which a marker is looked for, without repetition. */
export const patternsOf = ({ label, value, encoding }: Marker): ReadonlyArray<Pattern> => {
  const bytes = Buffer.from(value, encoding)
  if (bytes.length < shortestMarker) throw new Error(`the marker "${label}" is too short: it would be found by chance`)
  const number = /^[\d.]+$/.test(value)
  const pattern = (form: Form, text: string | Uint8Array, more: Partial<Pattern> = {}): Pattern => ({
    marker: label,
    form,
    bytes: typeof text === 'string' ? Buffer.from(text, encoding) : text,
    exactCase: false,
    digitWidth: 0,
    ...more,
  })
  const wide = Buffer.from(value, 'utf16le')
  const spelt = percent(bytes)
  const all = [
    ...[value, value.toLowerCase(), value.toUpperCase()].map((text) =>
      pattern('plain', text, { digitWidth: number ? 1 : 0 }),
    ),
    ...base64Forms(bytes)
      .filter(({ length }) => length >= shortestMarker)
      .map((text) => pattern('base64', text, { exactCase: true })),
    pattern('hex', bytes.toString('hex')),
    pattern('url-encoded', spelt),
    pattern('url-encoded', spelt.replaceAll('%20', '+')),
    pattern('escaped', escapedText(value)),
    pattern('utf-16le', wide, { digitWidth: number ? 2 : 0 }),
    pattern('utf-16be', swapped(wide), { digitWidth: number ? 2 : 0 }),
    pattern('reversed', reversedText(value), { digitWidth: number ? 1 : 0 }),
  ]
  const seen = new Set<string>()
  return all.filter(({ bytes: wanted, exactCase }) => {
    const key = `${exactCase} ${Buffer.from(wanted).toString('latin1')}`
    return !seen.has(key) && seen.add(key)
  })
}
