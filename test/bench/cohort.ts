import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { makeDuckdbCohortReader } from '../../adapters/duckdb/cohort-reader.js'
import type { CohortRow } from '../../adapters/synthetic/cohorts.js'
import { writeCsv, writeExtract } from '../../adapters/synthetic/cohorts.js'
import { temporaryDirectory } from '../support/directories.js'
import type { Bench } from './measurement.js'
import { measurement, median, secondsOf } from './measurement.js'

const rowCount = 100_000
const rounds = 3

const row = (i: number): CohortRow => ({
  project: 'lung-nodules',
  procedureOccurrenceId: i,
  mrn: `M${i % 40_000}`,
  accessionNumber: `A${i}`,
  studyInstanceUid: `1.2.826.0.1.${i}`,
  seriesInstanceUids: [],
  studyDate: `20${10 + (i % 10)}-0${1 + (i % 9)}-1${i % 10}`,
  participantId: `SUBJ-${i % 40_000}`,
})

const readAll = async (source: string, temporary: string): Promise<void> => {
  const cohort = await makeDuckdbCohortReader(temporary).open(source)()
  if (E.isLeft(cohort)) throw new Error(JSON.stringify(cohort.left))
  let read = 0
  for await (const batch of cohort.right.batches) read += batch.length
  await cohort.right.close()
  if (read !== rowCount) throw new Error(`${read} requests of ${rowCount} rows`)
}

/** Reading a cohort of 100,000 studies, from an OMOP extract and from CSV. */
export const cohort: Bench = async () => {
  const directory = await temporaryDirectory()
  const rows = Array.from({ length: rowCount }, (_, i) => row(i + 1))
  const [extract, csv] = [join(directory, 'extract'), join(directory, 'cohort.csv')]
  await writeExtract(extract, rows, 'batched', '2023-12-07 14:08:58')
  await writeCsv(csv, rows, '2023-12-07T14:08:58Z')
  const rate = async (source: string): Promise<number> => {
    const seconds: Array<number> = []
    for (let round = 0; round < rounds; round++) seconds.push(await secondsOf(() => readAll(source, directory)))
    return rowCount / median(seconds)
  }
  return [
    measurement('cohort reading, OMOP extract', 'rows/s', await rate(extract), '>= 20000'),
    measurement('cohort reading, CSV', 'rows/s', await rate(csv), '>= 20000'),
  ]
}
