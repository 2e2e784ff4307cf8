/** A record of a CSV file, or what keeps it from being one. `line` is the line of the file it starts on, from 1. */
export type CsvRecord =
  | { readonly _tag: 'Fields'; readonly line: number; readonly fields: ReadonlyArray<string> }
  | { readonly _tag: 'Broken'; readonly line: number; readonly problem: string }

interface Line {
  readonly number: number
  /** The text without its line feed; null when it is no UTF-8 or too long. */
  readonly text: string | null
  readonly problem: string
}

/** What one record may take; a quotation mark that is never closed must not swallow the file. */
const mostBytes = 1024 * 1024
const mostLines = 1000

const lineFeed = 0x0a
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const lineOf = (number: number, bytes: Uint8Array): Line => {
  try {
    const text = utf8.decode(bytes)
    return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text, problem: '' }
  } catch {
    return { number, text: null, problem: 'expected UTF-8 text' }
  }
}

const overlong = (number: number): Line => ({ number, text: null, problem: `expected at most ${mostBytes} bytes` })

/** The lines of a file, those of each piece together. Holds one piece and the beginning of one line. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ReadonlyArray<Line>> {
  let number = 1
  let rest: Uint8Array = new Uint8Array()
  let skipping = false
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    const lines: Array<Line> = []
    let start = 0
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      const tooLong = skipping || end - start > mostBytes
      lines.push(tooLong ? overlong(number) : lineOf(number, bytes.subarray(start, end)))
      skipping = false
      number += 1
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > mostBytes) skipping = true
    if (skipping) rest = new Uint8Array()
    yield lines
  }
  if (skipping) yield [overlong(number)]
  else if (rest.length > 0) yield [lineOf(number, rest)]
}

/** Where the quoted field that starts at `at` ends, behind its closing quotation mark; -1 when nothing closes it. */
const endOfQuoted = (text: string, at: number): number => {
  let mark = text.indexOf('"', at + 1)
  while (mark !== -1 && text[mark + 1] === '"') mark = text.indexOf('"', mark + 2)
  return mark === -1 ? -1 : mark + 1
}

/** The fields of one record by RFC 4180 section 2; null when its quotation marks do not fit. */
const fieldsOf = (text: string): ReadonlyArray<string> | null => {
  const fields: Array<string> = []
  let at = 0
  for (;;) {
    const isQuoted = text[at] === '"'
    const comma = text.indexOf(',', at)
    const end = isQuoted ? endOfQuoted(text, at) : comma === -1 ? text.length : comma
    if (end === -1) return null
    const field = isQuoted ? text.slice(at + 1, end - 1).replaceAll('""', '"') : text.slice(at, end)
    if (!isQuoted && field.includes('"')) return null
    fields.push(field)
    if (end === text.length) return fields
    if (text[end] !== ',') return null
    at = end + 1
  }
}

const isOdd = (text: string): boolean => {
  let odd = false
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) odd = !odd
  return odd
}

const misquoted = 'expected every quotation mark to be closed, and those inside quoted text to be doubled'

/**
 * The records of a CSV file, as they stand. The first one says how many fields each has. A broken record costs its
 * first line only: reading goes on with the next line, so that one forgotten quotation mark does not take the rows
 * below it along.
 */
export async function* readCsvRecords(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord> {
  let width: number | null = null
  let held: Array<Line> = []
  let bytes = 0
  let open = false

  const judge = (): CsvRecord => {
    const line = held[0]!.number
    const damaged = held.find(({ text }) => text === null)
    if (damaged !== undefined) return { _tag: 'Broken', line, problem: damaged.problem }
    const text = held
      .map((one) => one.text)
      .join('\n')
      .replace(/\r$/, '')
    const fields = open ? null : fieldsOf(text)
    if (fields === null) return { _tag: 'Broken', line, problem: misquoted }
    width ??= fields.length
    if (fields.length === width) return { _tag: 'Fields', line, fields }
    return { _tag: 'Broken', line, problem: `expected ${width} fields as in the header, found ${fields.length}` }
  }

  function* settle(lines: ReadonlyArray<Line>, isEnd: boolean): Generator<CsvRecord> {
    const waiting = [...lines].reverse()
    while (waiting.length > 0 || (isEnd && held.length > 0)) {
      const next = waiting.pop()
      if (next !== undefined) {
        if (held.length === 0 && next.text?.trim() === '') continue
        held.push(next)
        bytes += next.text?.length ?? 0
        if (next.text !== null && isOdd(next.text)) open = !open
        if (open && next.text !== null && held.length < mostLines && bytes < mostBytes) continue
      }
      const record = judge()
      yield record
      if (record._tag === 'Broken') waiting.push(...held.slice(1).reverse())
      held = []
      bytes = 0
      open = false
    }
  }

  for await (const lines of linesOf(pieces)) yield* settle(lines, false)
  yield* settle([], true)
}
