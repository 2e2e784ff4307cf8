import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import type { CsvRecord } from '../../../adapters/duckdb/csv-records.js'
import { readCsvRecords } from '../../../adapters/duckdb/csv-records.js'
import type { CohortRow } from '../../../adapters/synthetic/cohorts.js'
import { writeCsv, writeExtract } from '../../../adapters/synthetic/cohorts.js'
import type { Random } from '../../../adapters/synthetic/random.js'
import { makeRandom } from '../../../adapters/synthetic/random.js'
import type { Grammar } from '../mutate.js'
import { mutateBytes, mutateJson, mutateText } from '../mutate.js'
import type { OpenTarget, Target } from '../target.js'
import { makeMarker, makeScratch, orViolation, promise, promiseError, promiseNoMarker } from '../target.js'
import { promiseMessage } from './message.js'

const rowsOf = (random: Random, count: number): ReadonlyArray<CohortRow> =>
  Array.from({ length: count }, (_, i) => ({
    project: random.pick(['lung-nodules', 'knee-mri'] as const),
    procedureOccurrenceId: 4000 + i,
    mrn: makeMarker(random),
    accessionNumber: makeMarker(random),
    studyInstanceUid: random.pick(['', `1.2.826.${random.digits(6)}`]),
    seriesInstanceUids: random.pick([[], ['1.2.3.4'], ['1.2.3.4', '1.2.3.5']]),
    studyDate: '2022-11-22',
    participantId: random.pick(['', `subject-${i}`]),
  }))

/** Reads a cohort to its end; everything it promises about one holds. */
const promiseCohort = async (source: string, temporary: string): Promise<void> => {
  const answer = await orViolation('opening a cohort', () => makeDuckdbCohortReader(temporary).open(source)())
  if (E.isLeft(answer)) {
    promiseError(answer.left, 'InvalidInput')
  } else {
    const cohort = answer.right
    try {
      let read = 0
      await orViolation('reading a cohort', async () => {
        for await (const batch of cohort.batches) {
          promise(batch.length > 0 && batch.length <= 1000, 'a batch is empty or too large')
          for (const request of batch) {
            promise(cohort.projects.includes(request.project), 'a request is of a project that was not announced')
            await promiseMessage({ ...request, pseudoPatientId: null })
          }
          read += batch.length
        }
      })
      const summary = cohort.summary()
      promiseNoMarker(summary, 'the summary')
      const { rows, accepted, duplicates, withoutIdentifier, rejected, rejections } = summary
      promise(accepted === read, 'the summary counts other requests than were read')
      promise(rows === accepted + duplicates + withoutIdentifier + rejected, 'the counts of the summary do not add up')
      promise(rejections.length <= 100 && rejections.length <= rejected, 'more rejections are told than there are')
    } finally {
      await cohort.close()
    }
  }
  promise((await readdir(temporary)).length === 0, 'a cohort leaves temporary files')
}

interface Places {
  readonly inputs: string
  readonly temporary: string
  readonly close: () => Promise<void>
}

const openPlaces = async (): Promise<Places> => {
  const directory = await makeScratch()
  const [inputs, temporary] = [join(directory, 'inputs'), join(directory, 'temporary')]
  await mkdir(inputs)
  await mkdir(temporary)
  return { inputs, temporary, close: () => rm(directory, { recursive: true, force: true }) }
}

const csvGrammar: Grammar = {
  token: /"(?:[^"]|"")*"|,|\r?\n|[^",\r\n]+|["\r]/g,
  dictionary: [
    ...[
      '"',
      '""',
      '"""',
      ',',
      ',,',
      '\r',
      '\n',
      '\r\n',
      '\n\n',
      ';',
      '\t',
      '\u0000',
      '\ufeff',
      '\u2028',
      '\u0085',
      ' ',
      '\\',
    ],
    ...[
      '"a,b"',
      '"a\nb"',
      'a"b',
      '"a"b',
      'x'.repeat(70),
      '1.2.3\\1.2.4',
      '1..2',
      '01.2',
      '*',
      '?',
      '-',
      '=cmd()',
      'NaN',
      'None',
    ],
    ...['1', '1.0', '-1', '1e5', '9007199254740993', '99999999999999999999999999999999999999', '+5', '0x10', '٣'],
    ...['2024-02-30', '2024-02-29', '0000-01-01', '0001-01-01', '9999-12-31', '22/11/2022', '2022-11-22T00:00:00'],
    ...[
      '2023-12-07 14:08:58,123456789',
      '2023-12-07T14:08:58.1+2359',
      '0001-01-01T00:00:00+01:00',
      '2023-12-07T14:08:58z',
    ],
    ...[
      '2023-12-07T14:08+0100',
      '2023-12-07T24:00:00Z',
      'Lüng',
      '🩻',
      '\u202e',
      'İ',
      'ﬃ',
      'A'.repeat(300),
      '---',
      'a/b',
    ],
    ...['procedure_id', 'mrn', 'series_uid', 'study_uid', 'participant_id'],
  ],
}

async function* cut(bytes: Uint8Array, at: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += at) {
    await Promise.resolve()
    yield bytes.subarray(from, from + at)
  }
}

const recordsOf = (bytes: Uint8Array, piece: number): Promise<ReadonlyArray<CsvRecord>> =>
  orViolation('reading records', async () => {
    const records: Array<CsvRecord> = []
    for await (const record of readCsvRecords(cut(bytes, piece))) records.push(record)
    return records
  })

const promiseRecords = async (input: Uint8Array): Promise<void> => {
  const records = await recordsOf(input, 65_536)
  const widths = new Set(records.flatMap((record) => (record._tag === 'Fields' ? [record.fields.length] : [])))
  promise(widths.size <= 1, 'records have different numbers of fields')
  let line = 0
  for (const record of records) {
    promise(record.line > line, 'lines are not in order')
    line = record.line
    if (record._tag === 'Broken') promiseNoMarker(record, 'a broken record')
  }
  for (const piece of input.length < 2000 ? [1, 7] : [4099])
    promise(
      JSON.stringify(await recordsOf(input, piece)) === JSON.stringify(records),
      'records depend on how the file is cut into pieces',
    )
}

const openCsv = async (check: (input: Uint8Array, places: Places) => Promise<void>): Promise<OpenTarget> => {
  const places = await openPlaces()
  const path = join(places.inputs, 'valid.csv')
  const texts: Array<string> = []
  for (const seed of [1, 2, 3]) {
    await writeCsv(path, rowsOf(makeRandom(seed), 2 + seed), '2023-12-07T14:08:58Z')
    texts.push(await readFile(path, 'utf8'))
  }
  return {
    make: (random) => mutateText(random.pick(texts), csvGrammar, random),
    check: (input) => check(input, places),
    close: places.close,
  }
}

const csvRecords: Target = { name: 'csv-records', runs: 200, open: () => openCsv(promiseRecords) }

const csv: Target = {
  name: 'csv',
  runs: 10,
  open: () =>
    openCsv(async (input, { inputs, temporary }) => {
      const path = join(inputs, 'cohort.csv')
      await writeFile(path, input)
      await promiseCohort(path, temporary)
    }),
}

const jsonGrammar: Grammar = {
  token: /"(?:[^"\\]|\\.)*"|[{}[\],:]|\s+|[^\s"{}[\],:]+/g,
  dictionary: [
    ...['null', 'true', '0', '-1', '1e400', '[]', '{}', '""', '"\\u0000"', '"\\ud800"', '"__proto__"', '"settings"'],
    ...[
      '"datetime"',
      '"cdm_source_name"',
      '"2023-12-07 14:08:58,123456789"',
      '"0001-01-01 00:00:00+01:00"',
      '" "',
      '"---"',
    ],
    ...[
      '"2023-12-07T14:08"',
      '"2023-12-07T14:08:58+23:59"',
      '"9999-12-31T23:59:59-23:59"',
      '\ufeff',
      '"Lüng 🩻"',
      '"a\\nb"',
    ],
    ...['['.repeat(3000), '{"a":'.repeat(3000), `"${'A'.repeat(300)}"`],
  ],
}

/** A target that mutates one file of an extract. */
const extractOf = (name: string, file: string, mutate: (valid: Buffer, random: Random) => Uint8Array): Target => ({
  name,
  runs: 6,
  open: async () => {
    const { inputs, temporary, close } = await openPlaces()
    const source = join(inputs, 'extract')
    await writeExtract(source, rowsOf(makeRandom(1), 4), 'single', '2023-12-07 14:08:58')
    const path = join(source, file)
    const valid = await readFile(path)
    return {
      make: (random) => mutate(valid, random),
      check: async (input) => {
        await writeFile(path, input)
        await promiseCohort(source, temporary)
      },
      close,
    }
  },
})

const mutateParquet = (valid: Buffer, random: Random): Uint8Array => {
  let bytes = valid
  // Most of what a parquet file says of itself stands at its end.
  const footer = valid.length - 8 - valid.readUInt32LE(valid.length - 8)
  for (let left = 1 + random.below(4); left > 0; left--) {
    const from = random.below(2) === 0 ? footer : 0
    bytes = Buffer.concat([bytes.subarray(0, from), mutateBytes(bytes.subarray(from), random)])
  }
  return bytes
}

/** Cohorts as the operator brings them: CSV, and the files of an OMOP ES extract. */
export const cohorts: ReadonlyArray<Target> = [
  csvRecords,
  csv,
  extractOf('summary', 'extract_summary.json', (valid, random) =>
    random.pick([mutateText, mutateJson])(valid.toString(), jsonGrammar, random),
  ),
  extractOf('parquet-people', 'private/PERSON_LINKS.parquet', mutateParquet),
  extractOf('parquet-links', 'private/PROCEDURE_OCCURRENCE_LINKS.parquet', mutateParquet),
  extractOf('parquet-procedures', 'public/omop/PROCEDURE_OCCURRENCE.parquet', mutateParquet),
]
