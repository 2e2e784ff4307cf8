import { expect } from 'chai'
import { parse } from 'csv-parse/sync'
import * as fc from 'fast-check'
import type { CsvRecord } from '../../../adapters/duckdb/csv-records.js'
import { readCsvRecords } from '../../../adapters/duckdb/csv-records.js'

const inPieces = async function* (text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const records = async (text: string, size = 7): Promise<ReadonlyArray<CsvRecord>> => {
  const found: Array<CsvRecord> = []
  for await (const record of readCsvRecords(inPieces(text, size))) found.push(record)
  return found
}

const field = fc.oneof(fc.constantFrom('', ' ', '"', 'a,b', 'x\ny', '\r\n', 'é', '""'), fc.string({ unit: 'grapheme' }))
const table = fc
  .integer({ min: 2, max: 5 })
  .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }))

const written = (rows: ReadonlyArray<ReadonlyArray<string>>, lineBreak: string): string =>
  rows
    .map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','))
    .map((text) => text + lineBreak)
    .join('')

describe('CSV records', () => {
  it('reads back any table, however the file is cut into pieces, as csv-parse does', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 50 }),
        async (rows, lineBreak, size) => {
          const text = written(rows, lineBreak)
          const read = await records(text, size)
          expect(read.map((record) => (record._tag === 'Fields' ? record.fields : null))).to.deep.equal(rows)
          expect(read.map((record) => (record._tag === 'Fields' ? record.fields : null))).to.deep.equal(
            parse(text, { bom: true, record_delimiter: lineBreak }),
          )
        },
      ),
    )
  })

  it('tells the line of the file each record starts on', async () => {
    const read = await records('a,b\r\n\r\n"1\n2\n",3\n4,"5\n\n"\n6,7')
    expect(read.map(({ line }) => line)).to.deep.equal([1, 3, 6, 9])
  })

  it('gives every line that is not blank to one record, whatever the text', async () => {
    const text = fc.array(fc.constantFrom('a', 'b,c', '"', '\n', ',', '"\n"', '\r'), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(text, async (parts) => {
        const read = await records(parts.join(''))
        const lines = read.map(({ line }) => line)
        expect(lines).to.deep.equal([...new Set(lines)].sort((left, right) => left - right))
      }),
    )
  })

  it('goes on behind a quotation mark that is closed too late for a record', async () => {
    const rest = Array.from({ length: 2500 }, (_, i) => `${i},x`)
    const read = await records(['a,b', '1,"2', ...rest, '3,"4"'].join('\n'), 4096)
    expect(read.filter(({ _tag }) => _tag === 'Broken').map(({ line }) => line)).to.deep.equal([2])
    expect(read).to.have.length(rest.length + 3)
  })

  it('takes time in proportion to the text when every line breaks the rules', async () => {
    const read = await records(['a,b', ...Array.from({ length: 20_000 }, () => '"')].join('\n'), 65_536)
    expect(read).to.have.length.greaterThan(10_000)
  })
})
