import { expect } from 'chai'
import * as fc from 'fast-check'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import { describeError } from '../../../domain/errors.js'
import type { CohortSummary } from '../../../ports/cohort-reader.js'
import { csvHeader, makePlaces } from './extract-files.js'
import type { Places } from './extract-files.js'

const header = csvHeader.replace(',series_uid', '')
const line = (place: number, rest: Readonly<Record<string, string>> = {}): string => {
  const row: Readonly<Record<string, string>> = {
    procedure_id: String(place),
    mrn: `M${place}`,
    accession_number: `A${place}`,
    project_name: 'test',
    extract_generated_timestamp: '2023-12-07T14:08:58Z',
    study_date: '2022-11-22',
    study_uid: '',
    participant_id: '',
    ...rest,
  }
  return header
    .split(',')
    .map((column) => row[column])
    .join(',')
}

describe('DuckDB CohortReader: CSV files', () => {
  let places: Places
  let file: string
  beforeEach(async () => {
    places = await makePlaces()
    file = join(places.inputs, 'cohort.csv')
  })
  afterEach(async () => {
    expect(await places.left()).to.deep.equal([])
    await places.remove()
  })

  interface Reading {
    readonly ids: ReadonlyArray<number | null>
    readonly summary: CohortSummary
  }

  const tryRead = async (content: string | Uint8Array): Promise<E.Either<string, Reading>> => {
    await writeFile(file, content)
    const cohort = await makeDuckdbCohortReader(places.temporary).open(file)()
    if (E.isLeft(cohort)) {
      expect(cohort.left._tag).to.equal('InvalidInput')
      return E.left(describeError(cohort.left))
    }
    const ids: Array<number | null> = []
    for await (const batch of cohort.right.batches) ids.push(...batch.map((one) => one.procedureOccurrenceId))
    await cohort.right.close()
    return E.right({ ids, summary: cohort.right.summary() })
  }

  const read = async (content: string | Uint8Array): Promise<Reading> => {
    const reading = await tryRead(content)
    if (E.isLeft(reading)) throw new Error(reading.left)
    return reading.right
  }

  const refusal = async (content: string | Uint8Array): Promise<string> => {
    const reading = await tryRead(content)
    if (E.isRight(reading)) throw new Error('expected a refusal')
    return reading.left
  }

  const places_ = ({ summary }: Reading): ReadonlyArray<string> =>
    summary.rejections.map(({ line, column, problem }) => `${line} ${column}: ${problem}`)

  for (const [name, content] of Object.entries({
    'with line feeds': [header, line(1), line(2)].join('\n'),
    'with CRLF and a last line break': [header, line(1), line(2), ''].join('\r\n'),
    'with a byte order mark': `\uFEFF${[header, line(1), line(2)].join('\n')}`,
    'with blank lines': ['', header, '', line(1), '  ', '', line(2), '', ''].join('\r\n'),
    'with a quoted header and white space around names': [header.replaceAll(/\w+/g, '" $& "'), line(1), line(2)].join(
      '\n',
    ),
  }))
    it(`reads a file ${name}`, async () => {
      const { ids, summary } = await read(content)
      expect(ids).to.deep.equal([1, 2])
      expect(summary).to.include({ rows: 2, accepted: 2 })
    })

  it('takes columns in any order and passes over unknown ones, whose texts may span lines', async () => {
    const columns = ['comment', ...header.split(',').reverse()].join(',')
    const row = (place: number): string => line(place).split(',').reverse().join(',')
    const comment = `"He said ""no"",\r\nand then\n\nleft"`
    const reading = await read(
      [columns, `${comment},${row(1)}`, `x,${row(2)},`, `${comment},${row(3)}`, `x,${row(4)},`].join('\n'),
    )
    expect(reading.ids).to.deep.equal([1, 3])
    expect(places_(reading)).to.deep.equal([
      '6 (row): expected 9 fields as in the header, found 10',
      '11 (row): expected 9 fields as in the header, found 10',
    ])
  })

  it('loses one line, not the rest of the file, to a forgotten quotation mark', async () => {
    const reading = await read(
      [header, line(1), line(2, { mrn: '"M2' }), line(3), line(4), line(5, { mrn: '"M5"' }), line(6, { mrn: 'M"6' })]
        .concat(Array.from({ length: 3000 }, (_, i) => line(i + 7)))
        .join('\n'),
    )
    expect(reading.summary).to.include({ rows: 3006, accepted: 3004, rejected: 2 })
    expect(reading.summary.rejections.map(({ line: at, column }) => [at, column])).to.deep.equal([
      [3, '(row)'],
      [7, '(row)'],
    ])
    expect(reading.ids.slice(0, 5)).to.deep.equal([1, 3, 4, 5, 7])
  })

  it('rejects lines that are no UTF-8 or far too long, and goes on', async () => {
    const latin = Buffer.concat([Buffer.from(`${header}\n${line(1)}\n`), Buffer.from(line(2, { mrn: 'Mü' }), 'latin1')])
    const long = Buffer.from(`\n${line(3, { mrn: 'x'.repeat(3 * 1024 * 1024) })}\n${line(4)}`)
    const reading = await read(Buffer.concat([latin, long]))
    expect(reading.ids).to.deep.equal([1, 4])
    expect(places_(reading)).to.deep.equal(['3 (row): expected UTF-8 text', '4 (row): expected at most 1048576 bytes'])
  })

  it('names line and column of each bad value', async () => {
    const bad: ReadonlyArray<Readonly<Record<string, string>>> = [
      { study_date: '2022-13-01' },
      { study_date: '22/11/2022' },
      { study_date: '' },
      { study_uid: '1.2.3.' },
      { study_uid: `1.${'2'.repeat(64)}` },
      { mrn: 'A\\B' },
      { accession_number: '"A\nB"' },
      { mrn: 'M\0' },
      { project_name: '🏥' },
      { extract_generated_timestamp: 'yesterday' },
      { extract_generated_timestamp: '' },
      { procedure_id: '1.5' },
      { procedure_id: '9007199254740993' },
      { participant_id: 'a/b' },
      { accession_number: 'A'.repeat(65) },
    ]
    const reading = await read([header, line(1), ...bad.map((rest, i) => line(i + 2, rest))].join('\n'))
    expect(places_(reading).map((text) => text.split(':')[0])).to.deep.equal([
      '3 study_date',
      '4 study_date',
      '5 study_date',
      '6 study_uid',
      '7 study_uid',
      '8 mrn',
      '9 accession_number',
      '11 mrn',
      '12 project_name',
      '13 extract_generated_timestamp',
      '14 extract_generated_timestamp',
      '15 procedure_id',
      '16 procedure_id',
      '17 participant_id',
      '18 accession_number',
    ])
    expect(reading.summary.rejections.every(({ file: name }) => name === 'cohort.csv')).to.equal(true)
  })

  it('accepts whole numbers as pandas writes them, a missing one and other ways to write an instant', async () => {
    const { ids } = await read(
      [
        header,
        line(1, { procedure_id: '7.0' }),
        line(2, { procedure_id: '', extract_generated_timestamp: '2023-12-07 14:08:58.123+01:00' }),
        line(3, { procedure_id: '-3' }),
      ].join('\n'),
    )
    expect(ids).to.deep.equal([7, null, -3])
  })

  it('reads series', async () => {
    const reading = await read([csvHeader, `${line(1)},1.2\\1.3`, `${line(2)},1.2\\x`].join('\n'))
    expect(places_(reading)).to.deep.equal(['3 series_uid: expected a DICOM UID (PS3.5 section 9.1)'])
    expect(reading.ids).to.deep.equal([1])
  })

  it('names the lines on which participants are confused, and no value', async () => {
    const markers = /SECRET/
    const merged = await refusal(
      [header, line(1), ...[2, 3, 4].map((i) => line(i, { mrn: `SECRET${i}`, participant_id: 'SECRETP' }))].join('\n'),
    )
    expect(merged).to.match(
      /cohort\.csv:3: one participant_id stands for different MRNs of a project \(lines 3, 4 and 5\)/,
    )
    const split = await refusal(
      [header, ...[1, 2].map((i) => line(i, { mrn: 'SECRET', participant_id: `SECRETP${i}` }))].join('\n'),
    )
    expect(split).to.match(/cohort\.csv:2: one MRN has different participant_ids within a project \(lines 2 and 3\)/)
    const named = await refusal(
      [header, line(1, { mrn: '"SECRET"' }), line(2, { participant_id: '0secret' })].join('\n'),
    )
    expect(named).to.match(/cohort\.csv:3: the participant_id of this row is the MRN of a patient/)
    for (const text of [merged, split, named]) expect(text).not.to.match(markers)
  })

  const refusals: Readonly<Record<string, readonly [string | Uint8Array, RegExp]>> = {
    'is empty': ['', /cohort\.csv: it is empty/],
    'is blank': ['\n \n', /it is empty/],
    'has only a header': [header, /it asks for no study/],
    'has no header': [[line(1), line(2)].join('\n'), /its header lacks procedure_id, mrn, .*participant_id; give/],
    'lacks columns': [header.replace('mrn,', '').replace('study_uid', 'studyuid'), /its header lacks mrn, study_uid;/],
    'has a column twice': [`${header},mrn`, /its header has mrn twice/],
    'is separated by semicolons': [header.replaceAll(',', ';'), /its columns are not separated by commas/],
    'is UTF-16': [
      Buffer.from(`\uFEFF${header}\n${line(1)}`, 'utf16le'),
      /its header cannot be read \(expected UTF-8 text\)/,
    ],
    'has an open quotation mark in its header': [
      `"${header}\n${line(1)}`,
      /its header cannot be read \(expected every quot/,
    ],
    'is something else': [Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]), /its header/],
    'has nothing but bad rows': [
      [header, line(1, { study_date: 'x' }), line(2, { mrn: '\\' })].join('\n'),
      /none of its 2 rows can be requested \(cohort\.csv, line 2, column study_date: expected a date YYYY-MM-DD\)/,
    ],
    'names no study': [
      [header, line(1, { accession_number: ' ' })].join('\n'),
      /none of its 1 rows has an accession number or a study UID/,
    ],
  }
  for (const [name, [content, expected]] of Object.entries(refusals))
    it(`says that a file ${name}`, async () => {
      const text = await refusal(content)
      expect(text).to.match(expected).and.include(file)
      // The name of the temporary directory is random and may look like an identifier.
      expect(text.replaceAll(file, '')).not.to.match(/M1|A1/)
    })

  it('never throws and counts every row, whatever the text', async () => {
    const cell = fc.oneof(
      fc.constantFrom(
        '',
        '1',
        '"',
        ',',
        '\n',
        '\r\n',
        '\\',
        '""',
        '2022-11-22',
        '2023-12-07T14:08:58Z',
        '1.2.3',
        'test',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    )
    const row = fc.oneof(
      { weight: 3, arbitrary: fc.array(cell, { minLength: 7, maxLength: 9 }).map((cells) => cells.join(',')) },
      { weight: 3, arbitrary: fc.nat(6).map((place) => line(place)) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 12 }), async (rows) => {
        const reading = await tryRead([header, line(99), ...rows].join('\n'))
        if (E.isLeft(reading)) {
          expect(reading.left).to.match(/participant/)
          return
        }
        const { ids, summary } = reading.right
        expect(ids).to.have.length(summary.accepted)
        const { accepted, duplicates, withoutIdentifier, rejected } = summary
        expect(accepted + duplicates + withoutIdentifier + rejected).to.equal(summary.rows)
        expect(inspect(summary)).not.to.include('M99')
      }),
      { numRuns: 60 },
    )
  })

  it('never throws on arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(E.isLeft(await tryRead(bytes))).to.equal(true)
      }),
      { numRuns: 25 },
    )
  })
})
